# ruff: noqa: E501, SIM905 - tables of words and patterns read worse when they are broken up
"""What credentials look like: the forms that their issuers document, and those of files and headers that carry them.

An issuer's form is (kind, beginnings, rest): one of the beginnings, as it is written, then the rest, a pattern. A
carrier's form is (kind, words, pattern): the pattern is tried on lines that have one of the words in any case, and its
last group is what is masked. No form may match what training prints by the megabyte: hashes, UUIDs, base64 without a
name, tokens of a vocabulary. Lengths are less than the documented ones, so that what was cut off is masked too.
"""

Form = tuple[str, str, str]

_ANY = r"[\w-]"
_DIGIT = r"(?=[\w.-]{0,40}[0-9])"
_MIXED = rf"{_DIGIT}(?=[\w.-]{{0,60}}[A-Z])"

ISSUED: tuple[Form, ...] = (
    ("github-token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"\w{16,}"),
    ("gitlab-token", "glpat- gldt- glptt- glrt- glrtr- glcbt- glft- glimt- glagent- glsoat- glffct- gloas- glwt- GR1348941",
     r"[\w.-]{16,}"),
    ("slack-token", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxe- xoxe.xoxp- xoxe.xoxb- xoxd- xoxc- xapp-", rf"{_DIGIT}[\w%-]{{10,}}"),
    ("webhook", "hooks.slack.com/services/ hooks.slack.com/workflows/ hooks.slack.com/triggers/", r"[\w/+-]{16,}"),
    ("webhook", "discord.com/api/webhooks/ discordapp.com/api/webhooks/ hooks.zapier.com/hooks/catch/ "
                "webhook.office.com/webhookb2/ chat.googleapis.com/v1/spaces/ outlook.office.com/webhook/", r"[\w/@?=&%-]{12,}"),
    ("huggingface-token", "hf_ api_org_ hf_oauth_", r"[A-Za-z0-9]{24,}"),
    ("wandb-key", "wandb_v1_ wandb_v2_", r"\w{20,}"),
    ("wandb-key", "local-", r"[0-9a-f]{40}(?![0-9a-f])"),
    ("llm-key", "sk-ant- sk-proj- sk-svcacct- sk-admin- sk-or- sk-lf- pk-lf- sk-litellm- sk-None- sk-service- sk-user-",
     rf"{_DIGIT}{_ANY}{{16,}}"),
    ("llm-key", "sk-", rf"{_DIGIT}(?:[A-Za-z0-9]{{20,}}|(?=[\w-]*[A-Z]){_ANY}{{32,}})"),
    ("llm-key", "gsk_ pplx- fw_ r8_ fal_ rpa_ csk- tgp_v1_ jina_ e2b_ esecret_ ls__ pcsk_ pclocal_ voyage- pa-",
     rf"{_DIGIT}{_ANY}{{24,}}(?<![0-9a-f]{{8}}-[0-9a-f]{{4}})"),
    ("llm-key", "xai- nvapi- tvly- lsv2_pt_ lsv2_sk_ key_live_ fc-", rf"{_DIGIT}{_ANY}{{20,}}"),
    ("aws-key", "AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("aws-key", "ABSK bedrock-api-key- IQoJb3JpZ2lu FwoGZXIvYXdz FQoGZXIvYXdz", r"[\w+/=%-]{20,}"),
    ("google-key", "AIza", r"[\w-]{30,}"),
    ("google-key", "GOCSPX- ya29. 1//0", r"[\w.-]{20,}"),
    ("google-key", "GOOG", r"1?[A-Z0-9]{20,}(?![A-Za-z0-9])"),
    ("stripe-key", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_ whsec_", r"[A-Za-z0-9+/=]{10,}"),
    ("npm-token", "npm_", r"[A-Za-z0-9]{24,}"),
    ("pypi-token", "pypi-AgE pypi-", rf"{_MIXED}{_ANY}{{30,}}"),
    ("cloud-token", "dop_v1_ doo_v1_ dor_v1_ dapi pul- shippo_live_ shippo_test_ rubygems_ sgp_ squ_ sqp_ sqa_ sntryu_ xkeysib- xsmtpsib-",
     r"[0-9a-f]{30,}[\w-]*"),
    ("cloud-token", "hvs. hvb. hvr.", r"[\w-]{20,}"),
    ("cloud-token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[\w.-]{20,}"),
    ("cloud-token", "tskey-auth- tskey-api- tskey-client- tskey-webhook- tskey-scim- fo1_ fm1r_ fm1a_ fm2_ HRKU- pscale_tkn_ pscale_pw_ "
                    "pscale_oauth_ sbp_ rnd_ nfp_ vcp_ vck_ vca_ pnu_ pnb_ dckr_pat_ dckr_oat_ NRAK- NRII- NRJS- cfut_ cfat_ neon_ "
                    "napi_ rw_ psk_live_ sb_secret_ supabase_ railway_", rf"{_DIGIT}[\w+/=.-]{{16,}}"),
    ("cloud-token", "v1.0-", r"[0-9a-f]{24}-[0-9a-f]{60,}"),
    ("cloud-token", "sha256~", r"[\w-]{40,}"),
    ("cloud-token", "AKCp cmVmd AKID LTAI", rf"{_DIGIT}[A-Za-z0-9_-]{{16,}}"),
    ("service-token", "SG.", r"[\w-]{16,}\.[\w-]{16,}"),
    ("service-token", "key- SK", r"[0-9a-f]{32}(?![0-9a-fA-F])"),
    ("service-token", "shpat_ shpca_ shppa_ shpss_", r"[0-9a-fA-F]{24,}"),
    ("service-token", "lin_api_ lin_oauth_ ntn_ secret_ phc_ phx_ pat_ ctp_ sk_ live_ tfp_ oy2 cio nuget_ crates_ sm_pat_ sm_aat_ ubtt_ "
                      "rdme_ rl_ re_ sig_ api_live_ test_sk_", rf"{_DIGIT}[A-Za-z0-9_-]{{30,}}"),
    ("service-token", "PMAK- figd_ figu_ CFPAT- ATATT3 ATCTT3 ATBB ATCA sq0atp- sq0csp- sq0idp- EAAA EAAC EAAM EAAG EZAK EZTK ops_eyJ glsa_ "
                      "glc_ sntrys_ p8e- ico- FLWSECK- FLWSECK_TEST- duffel_test_ duffel_live_ API- tk-us- pat-na1- pat-eu1- mfa. "
                      "dt0c01. dt0s01. A3- CLOJARS_ lob_live_ live_pub_", r"[\w.+/=-]{24,}"),
    ("service-token", "AGE-SECRET-KEY-1", r"[A-Z0-9]{20,}"),
    ("service-token", "pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{30,}"),
    ("jwt", "eyJ", r"[\w-]{8,}(?:\.[\w-]{6,}){1,4}|hcGlfYWRkcmVzcyI[\w+/=-]{20,}|hcGlf[\w+/=-]{60,}"),
    ("jwt", "ZXlKa", r"[\w+/=-]{60,}"),
    ("password-hash", "$apr1$ $2a$ $2b$ $2x$ $2y$ $5$ $6$ $y$ $gy$ $argon2id$ $argon2i$ $argon2d$ $scrypt$", r"[./\w,=$+-]{20,}"),
)  # fmt: skip

# Told by what is in the midst of them: (kind, what that is, how many characters may stand before it, pattern).
MARKED: tuple[tuple[str, str, int, str], ...] = (
    ("azure-key", "Q~", 4, r"[\w.~-]{3}[78]Q~[\w.~-]{24,}"),
    ("cloud-token", ".atlasv1.", 14, r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{30,}"),
    ("service-token", ":AA", 11, r"\d{8,11}:AA[\w-]{30,}"),
    ("service-token", "_mmk", 36, r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
    ("service-token", "-us", 32, r"[0-9a-f]{32}-us\d{1,2}(?![\w-])"),
    ("sentry-dsn", "@", 80, r"://([0-9a-f]{32}(?::[0-9a-f]{32})?)@"),
)  # fmt: skip

_OPEN = r"\\*[\"'`]*"
CARRIED: tuple[Form, ...] = (
    # A user's password in a URL, which may have an @ of its own; and a token alone there.
    ("url-password", "://",
     r":\\?/\\?/[^\s/:@'\"<>`\\]*:([^\s/'\"<>`]+(?:/[^\s/'\"<>`@]*(?=@))?)@(?=[\w.\[*%$-])|://([\w.~%-]{20,})@(?=[\w\[])"),
    ("url-password", "%3a%2f%2f", r"%3A%2F%2F[\w.-]*%3A([^\s&'\"]+?)(?:@|%40)(?=\w)"),
    ("url-key", "key= sig= signature= code= token= x-amz-",
     r"[?&;](?:key|sig|signature|code|X-Amz-Signature|X-Amz-Security-Token|X-Goog-Signature)=(?=[^\s&]{0,80}?\d)([\w%+/=.-]{20,})"),
    ("authorization", "authorization",
     r"authorization[\"'`\\]*\]?\s*[:=,]\s*[rbf]?[\"'`\\]*((?:basic|bearer|token|digest|negotiate|apikey|key|aws4-hmac-sha256|bot)"
     r"[ +:]+[^\"'`\\\r\n]{4,}|(?!\w[\w.]*[\[(])(?=\S{0,80}?\d)[^\s\"'`\\,;<>{}$]{8,})"),
    ("authorization", "bearer", r"bearer[ :=]+\"?(?=[\w.~+/=:|-]{0,60}[0-9])([\w.~+/=:|-]{16,})"),
    ("cookie", "cookie", r"cookies?[\"'\\]*\s*[:=]\s*[\"'\\]*([\w.-]+=(?=\S{0,80}?\d)[^\s\"'\\]{8,}[^\"'\\\r\n]*)"),
    ("netrc", "password",
     r"(?:machine\s+\S+|login\s+\S+|default)\s+(?:login\s+\S+\s+|account\s+\S+\s+)?password\s+(?![=:])(\S+)|^[+\s>-]*password[ \t]+(\S{6,})[ \t]*$"),
    ("curl-user", "curl wget", r"\s(?:-u|--user|--proxy-user|-U)[ =]?[\"']?[^\s:\"'/]+:([^\s\"'/][^\s\"']*)"),
    ("command-password", "sshpass mysql mongo mariadb", r"(?:sshpass|mysql\w*|mongo\w*|mariadb\w*)\b[^\n]*?\s-p[ \"']?([^\s\"'-][^\s\"']{3,})"),
    ("command-password", "docker login|podman login|helm registry login|oras login", r"login[^\n]*?\s-p[ =\"']*([^\s\"']+)"),
    ("command-password", "redis-cli ldap smbclient", r"redis-cli\b[^\n]*?\s-a[ \"']+([^\s\"']+)|ldap\w+\b[^\n]*?\s-w[ \"']+([^\s\"']+)|smbclient\b[^\n]*?%([^\s\"']+)"),
    ("command-password", "pass:", r"-pass(?:in|out)? pass:([^\s\"']+)"),
    ("wandb-key", "wandb", r"wandb(?: |\.)login(?:\(| )(?:--?[\w-]+(?:[= ]https?://\S+)? )*(?:key=)?[\"']?([0-9a-z_-]{32,})"),
    ("pgpass", ":5432: :5433:", r"^[+\s]*[\w.*-]+:543\d:[\w*.-]+:[\w*.-]+:(\S+)"),
    ("npm-token", "_auth", r"_auth(?:Token)?\s*=\s*\"?([\w+/=.-]{8,})"),
    ("docker-auth", "auth\"|auth'|auth\\", r"\\?[\"']auth\\?[\"']\s*:\s*\\?[\"']([\w+/=]{12,})"),
    ("key", "\"key\"|'key'", r"[\"']username[\"']\s*:\s*[\"'][^\"']*[\"'],\s*[\"']key[\"']\s*:\s*[\"']([0-9a-z-]{16,})"),
    ("aws-key", "akia asia", r"A[KS]IA[A-Z0-9]{16}[^\w\n]{1,12}([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])"),
    ("password", "password passphrase passwd pwd pass", r"\bpass(?:word|phrase|wd)?(?: for (?:user )?[\w.@-]+| of [\w.@-]+)(?: is|:|=) *((?=\S{0,40}?[\d!@#$%^&*])\S{5,})"),
    ("password", "with password|with passphrase|with token|and password|password was", r"(?:with|and) (?:the )?(?:password|passphrase|token) ((?=\S{0,80}?\d)[^\s,;'\"]{6,})"),
)  # fmt: skip
