"""python -m memorylab"""

from memorylab.cli import main

if __name__ == "__main__":
    main()
