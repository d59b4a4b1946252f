"""The report as one HTML page that needs nothing else: data.py has its values, render.py writes them."""
