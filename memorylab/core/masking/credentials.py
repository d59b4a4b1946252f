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
    ("wandb-key", "wandb_v1_ wandb_v2_", r"[\w-]{20,}"),
    ("wandb-key", "local-", r"[0-9a-f]{40}(?![0-9a-f])"),
    ("llm-key", "sk-ant- sk-proj- sk-svcacct- sk-admin- sk-or- sk-lf- pk-lf- sk-litellm- sk-None- sk-service- sk-user-",
     rf"{_DIGIT}{_ANY}{{16,}}"),
    ("llm-key", "sk-", rf"{_DIGIT}(?:[A-Za-z0-9]{{20,}}|(?=[\w-]*[A-Z]){_ANY}{{32,}}|(?:[a-z0-9]{{2,12}}-){{1,2}}[A-Za-z0-9_]{{24,}})"),
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
    ("cloud-token", "dop_v1_ doo_v1_ dor_v1_ dapi pul- shippo_live_ shippo_test_ rubygems_ sgp_ bkua_ bkct_ bkaj_ KGAT_ squ_ sqp_ sqa_ sntryu_ xkeysib- xsmtpsib-",
     r"(?:[0-9a-f]{16}_|local_)?[0-9a-f]{30,}[\w-]*"),
    ("cloud-token", "hvs. hvb. hvr.", r"[\w-]{20,}"),
    ("cloud-token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[\w.-]{20,}"),
    ("cloud-token", "tskey-auth- tskey-api- tskey-client- tskey-webhook- tskey-scim- fo1_ fm1r_ fm1a_ fm2_ HRKU- pscale_tkn_ pscale_pw_ "
                    "pscale_oauth_ sbp_ rnd_ nfp_ vcp_ vck_ vca_ pnu_ pnb_ dckr_pat_ dckr_oat_ NRAK- NRII- NRJS- cfut_ cfat_ neon_ "
                    "napi_ rw_ psk_live_ sb_secret_ supabase_ railway_ CCIPAT_ CCIPRJ_",
     r"(?=[\w+/=.-]{0,40}[0-9])[\w+/=.-]{16,}"),
    ("cloud-token", "ak- as- wk- ws-", rf"{_MIXED}[A-Za-z0-9]{{22}}(?![\w-])"),
    ("cloud-token", "v1.0-", r"[0-9a-f]{24}-[0-9a-f]{60,}"),
    ("cloud-token", "sha256~", r"[\w-]{40,}"),
    ("cloud-token", "AKCp cmVmd AKID LTAI", rf"{_DIGIT}[A-Za-z0-9_-]{{16,}}"),
    ("service-token", "SG.", r"[\w-]{16,}\.[\w-]{16,}"),
    ("service-token", "key- SK", r"[0-9a-f]{32}(?![0-9a-fA-F])"),
    ("service-token", "shpat_ shpca_ shppa_ shpss_", r"[0-9a-fA-F]{24,}"),
    ("service-token", "lin_api_ lin_oauth_ ntn_ secret_ phc_ phx_ pat_ ctp_ sk_ live_ tfp_ nuget_ crates_ sm_pat_ sm_aat_ ubtt_ "
                      "rdme_ rl_ re_ sig_ api_live_ test_sk_", rf"{_DIGIT}[A-Za-z0-9_-]{{30,}}"),
    ("service-token", "cio oy2", r"(?:[A-Za-z0-9]{32}|[a-z0-9]{43})(?![\w+/])"),  # three letters are in much base64
    ("service-token", "PMAK- figd_ figu_ CFPAT- ATATT3 ATCTT3 ATBB ATCA sq0atp- sq0csp- sq0idp- EAAA EAAC EAAM EAAG EZAK EZTK ops_eyJ glsa_ "
                      "glc_ sntrys_ p8e- ico- FLWSECK- FLWSECK_TEST- duffel_test_ duffel_live_ API- tk-us- pat-na1- pat-eu1- mfa. "
                      "dt0c01. dt0s01. A3- CLOJARS_ lob_live_ live_pub_", r"[\w.+/=-]{24,}"),
    ("service-token", "AGE-SECRET-KEY-1", r"[A-Z0-9]{20,}"),
    ("service-token", "pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{30,}"),
    ("jwt", "eyJ", r"[\w-]{8,}(?:\.[\w-]{6,}){1,4}|hcGlfYWRkcmVzcyI[\w+/=-]{20,}|hcGlf[\w+/=-]{60,}"),
    # The number of a bot in base64, when, and the rest.
    ("service-token", "MT Mj Mz ND NT Nj Nz OD OT", r"[A-Za-z0-9]{20,26}\.[\w-]{6}\.[\w-]{27,}"),
    ("docker-auth", "eyJwYXlsb2FkIjoi", r"[\w+/=-]{40,}"),
    ("docker-auth", "eyJhdXRocyI6 ewogICJhdXRocyI6 ewogICAgImF1dGhzIjog ewoJImF1dGhzIjog", r"[\w+/=-]{20,}"),
    ("google-key", "eyJ0eXBlIjogInNlcnZpY2VfYWNjb3Vud eyJ0eXBlIjoic2VydmljZV9hY2NvdW50 ewogICJ0eXBlIjogInNlcnZpY2VfYWNjb3Vud", r"[\w+/=-]{20,}"),
    # Base64 of what begins as a key in PEM does; of a certificate and a public key it goes on otherwise.
    ("private-key", "LS0tLS1CRUdJTi", r"(?!BDRVJU|BQVUJM)[\w+/=-]{40,}"),
    ("jwt", "ZXlKa", r"[\w+/=-]{60,}"),
    ("password-hash", "$apr1$ $2a$ $2b$ $2x$ $2y$ $5$ $6$ $y$ $gy$ $argon2id$ $argon2i$ $argon2d$ $scrypt$", r"[./\w,=$+-]{20,}"),
)  # fmt: skip

# Told by what is in the midst of them: (kind, what that is, how many characters may stand before it, pattern).
MARKED: tuple[tuple[str, str, int, str], ...] = (
    ("azure-key", "Q~", 4, r"[\w.~-]{3}[78]Q~[\w.~-]{24,}"),
    ("cloud-token", ".atlasv1.", 14, r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{30,}"),
    ("service-token", ":AA", 14, r"(?:bot)?(\d{8,11}:AA[\w-]{30,})"),
    ("service-token", "_mmk", 36, r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
    ("service-token", "-us", 32, r"[0-9a-f]{32}-us\d{1,2}(?![\w-])"),
    ("sentry-dsn", "@", 80, r"://([0-9a-f]{32}(?::[0-9a-f]{32})?)@"),
)  # fmt: skip

_OPEN = r"\\*[\"'`]*"
# A word may lack its beginning: the fewer letters words begin with, the faster all of them are looked for, and what
# begins as another word does, as "passwort" does, is tried wherever that one is.
CARRIED: tuple[Form, ...] = (
    # A user's password in a URL, which may have an @ of its own; and a token alone there.
    ("url-password", "://",
     r"://[\w.-]{1,80}/t/((?:[a-z]{2}-)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=[a-z]{0,60}[0-9])[A-Za-z0-9]{24,64})/|://([\w.~%-]{20,})(?::(?:x-oauth-basic)?)?@(?=[\w\[])|:\\?/\\?/[^\s/:@'\"<>`\\]*:([^\s/'\"<>`]+(?:/[^\s/'\"<>`@]*(?=@))?)@(?=[\w.\[*%$-])"),
    ("url-password", "%3a%2f%2f", r"%3A%2F%2F[\w.-]*%3A([^\s&'\"]+?)(?:@|%40)(?=\w)"),
    ("url-key", "key= sig= signature= code= token= x-amz-",
     r"[?&;](?:key|sig|signature|code|X-Amz-Signature|X-Amz-Security-Token|X-Goog-Signature)=(?=[^\s&]{0,80}?\d)([\w%+/=.-]{20,})"),
    ("authorization", "authorization",
     r"authorization[\"'`\\]*\]?(?:\s*[:=,]\s*|[ \t]+(?=[\"']))[rbf]?[\"'`\\]*((?:basic|bearer|token|digest|negotiate|apikey|key|aws4-hmac-sha256|bot)"
     r"[ +:]+[^\"'`\\\r\n]{4,}|(?!\w[\w.]*[\[(])(?=\S{0,80}?\d)[^\s\"'`\\,;<>{}$]{8,})"),
    ("authorization", "bearer", r"bearer[ :=]+\"?(?=[\w.~+/=:|-]{0,60}[0-9])([\w.~+/=:|-]{16,})"),
    ("cookie", "cookie", r"cookies?[\"'\\]*\s*[:=]\s*[\"'\\]*(?:[\w.-]{1,60}=[^\s;\"'\\]{0,60}; ?){0,8}?([\w.-]+=(?=\S{0,80}?\d)[^\s\"'\\]{8,}(?:;? *+[\w.-]++=\\?\"[^\"\\\r\n]*+\\?\")*+[^\"'\\\r\n]*)"),
    ("cookie", "true\t", r"\t(?:TRUE|FALSE)\t/\S*\t(?:TRUE|FALSE)\t\d+\t\S+\t(\S{8,})"),
    ("netrc", "password",
     r"(?:machine\s+\S+\s+(?:login\s+\S+\s+|account\s+\S+\s+)?|(?:login\s+\S+|default)\s+(?=password\s+\S*[^a-z\s.,;:!?]))password\s+(?![=:])(\S+)|^[+\s>-]*password[ \t]+(\S{6,})[ \t]*$"),
    ("curl-user", "curl wget", r"\s(?:-u|--user|--proxy-user|-U)[ =]?[\"']?[^\s:\"'/]+:([^\s\"'/][^\s\"']*)"),
    ("command-password", "sshpass|mysql|mongo|mariadb|x -p|a -p|twine|az login|az acr|snowsql|skopeo|nerdctl login",
     r"(?:sshpass|mysql\w*|mongo\w*|mariadb\w*|\b7z[arx]?|twine|az login|az acr|snowsql|skopeo|nerdctl)\b[^\n]*?\s-p[ =]?\\?[\"']?([^\s\"'\\-][^\s\"'\\]{3,})"),
    ("command-password", "openssl|p -p", r"openssl\b[^\n]*?\s-k[ =][\"']?([^\s\"']{4,})|\b(?:un)?zip\b[^\n]*?\s-P[ =]?[\"']?([^\s\"']{4,})"),
    ("command-password", "ssh-keygen lftp", r"ssh-keygen\b[^\n]*?\s-[NP] ?[\"']?([^\s\"']{4,})|lftp\b[^\n]*?\s-u [\"']?[^\s,]+,([^\s\"']{4,})"),
    ("command-password", "kinit|cryptsetup|secrets versions|secrets create|secret create",
     r"(?:echo|printf)(?: -[ne]+)? +\\?[\"']?(?!\$)([^\s\"'|\\]{4,})\\?[\"']? *\| *(?:sudo )?(?:kinit|cryptsetup|\w+ secrets? (?:versions|create))"),
    ("command-password", "send \"|send \\\"", r"send \"((?=\S{0,40}?\d)(?=\S{0,40}?[A-Za-z])[^\s\"\\]{6,})\\r\""),
    ("command-password", "creds", r"creds[ =][\"']?[^\s:\"'/]+:([^\s\"'/][^\s\"']*)"),
    ("password", "d by '|d by \"|d by password", r"identified (?:with \S+ )?by (?:password )?\\?[\"']((?=[^\"']{0,80}[\d!@#$%^&*])[^\"'\n\\]{4,})"),
    ("command-password", "sudo -s|with-token|chpasswd|docker login|podman login|helm registry login|oras login|skopeo login|nerdctl login",
     r"(?:echo|printf)(?: -[ne]+)? +\\?[\"']?(?!\$)([^\s\"'|\\]{4,})\\?[\"']? *\|(?=[^\n|;&]{0,80}(?:-stdin|sudo -S|--with-token))"
     r"|(?:echo|printf)(?: -[ne]+)? +[\"']?[\w.-]+:([^\s\"'|\\]{4,})[\"']? *\|(?=[^\n|]{0,40}chpasswd)|(?:-stdin|--with-token) *<<< *[\"']?(?!\$)([^\s\"']{4,})"),
    ("command-password", "http-basic.|mc alias set|mc config host add", r"http-basic\.\S+ +\S+ +(\S{4,})|\bmc (?:alias set|config host add) \S+ \S+ \S+ [\"']?([^\s\"']{6,})"),
    ("command-password", "'-p'|\"-p\"",
     r"[\"'](?:login|twine|sshpass|mysql\w*|7z)[\"'],[^\n]{0,300}?[\"']-p[\"'], ?[\"']([^\s\"']{4,})[\"']"),
    ("command-password", "'curl'|\"curl\"", r"curl[\"'],[^\n]{0,300}?[\"'](?:-u|--user)[\"'], ?[\"'][^\s:\"'/]+:([^\s\"']{4,})[\"']"),
    ("command-password", "nflux ngrok argocd netlify buildkite-agent",
     r"(?:influx|ngrok|argocd|netlify|buildkite-agent)\b[^\n]{0,300}?\s-t[ =][\"']?((?=\D{0,60}[0-9])[\w+/-]{20,}={0,2})"),
    ("login", "auth=|auth =|_auth|basicauth(|login(|authenticate(",
     r"(?:auth\w* ?= ?\(|basicauth\(|\.login\(|authenticate\()\s*\\?[\"'][^\"'\n\\]{1,80}\\?[\"'], *[rb]?\\?[\"']((?=[^\"']{0,80}[\d!@#$%^&*])[^\"'\n\\]{6,})\\?[\"']"),
    ("login", "credential|login:|login =|creds", r"\b(?:credentials?|login|creds)\b(?: (?:for|of|to|on)(?: [\w.@'-]{1,30}){1,4})? ?[:=] *[\w.@-]+(?: ?/ | ?/(?! )|:(?!/))((?=\S{0,40}?\d)(?=\S{0,40}?[A-Za-z])[^\s/,;]{6,})"),
    ("login", "oracle: sqlplus", r"(?:jdbc:oracle:\w+:|sqlplus(?: -\w+)* )[^\s/:@]+/([^\s@]{4,})@"),
    ("password", "default", r"--[\w-]*(?:passw(?:or)?d|passphrase|secret|(?:api|access|private|auth|account)[_-]?key|(?:hub|auth|access|api|hf)[_-]?token)"
                            r"\\?[\"'][^\n]{0,160}?\bdefault ?= ?\\?[\"']((?=[^\"']{0,80}\d)(?=[^\"']{0,80}[A-Za-z])[^\s\"'\n\\]{8,})"),
    ("key", "api key|access token|access key|auth token|secret key",
     r"(?:api[ _-]?key|(?:access|auth) token|(?:access|secret) key)\b(?![^\n:=]{0,60}\b(?:sha\w*|md5|hash|digest|id|fingerprint|file|path|url)\b)(?: [\w.,'()/-]{1,30}){1,10}: *[\"'`]?"
     r"((?=\S{0,60}?\d)(?=[\w~+=-]{0,20}?[A-Za-z0-9]{16})[\w~+=-]{20,}(?![\w/]))"
     r"|((?=[\w~+=-]{0,20}?[A-Za-z0-9]{16})(?=\D{0,60}?\d)\b[\w~+=-]{20,}) as (?:the |my |an? |your )?(?:api[ _-]?key|(?:access|auth) token)"),
    ("key", "new one|old one|right one|other one",
     r"\b(?:key|token|secret|passw\w+)\b[^\n.:;]{0,60}?\b(?:new|old|right|other) one(?: is|:) *[\"'`]?((?=\D{0,40}?[0-9])(?=[^A-Za-z\s]{0,40}[A-Za-z])[^\s\"'`,;]{8,}[^\s\"'`,;.])"),
    ("password", "nerated:|nerated one|nerated is",
     r"\b(?:password|passphrase|token|secret|api key)\b[^\n.:;]{0,60}?\bgenerated(?: one)?(?: is|:) *[\"'`]?((?=\D{0,40}?[0-9])(?=[^A-Za-z\s]{0,40}[A-Za-z])[^\s\"'`,;]{9,})"),
    ("key", "key for|key of|token for|token of|secret for|secret of",
     r"\b(?<!cache )(?:key|token|secret) (?:for|of)(?: [\w.@'&-]{1,30}){1,5}(?: is|:) *[\"'`]?((?=[\w~+=-]{0,20}?[A-Za-z0-9]{16})(?-i:(?=[^A-Z\s]{0,60}[A-Z])(?=[^a-z\s]{0,60}[a-z]))(?=\D{0,60}?\d)[\w~+=-]{20,}(?![\w/]))"
     r"|\bkey (?:for|of)(?: [\w.@'&-]{1,30}){0,4}? (?:account|server|service|api|team|group|login|user)(?: is|:) *[\"'`]?([0-9a-f]{32,48})(?!\w)"),
    ("seed-phrase", "phrase|mnemonic",
     r"(?:(?:seed|recovery|backup) phrase|mnemonic(?: phrase)?)\b[^\n:=]{0,80}[:=] *\\?[\"'`]?((?:[a-z]{3,8} ){11,23}[a-z]{3,8})\b"),
    ("key", "rnet(|aesgcm(|secretbox(|poly1305(|hmac.new(|totp(",
     r"(?:fernet|aesgcm|secretbox|poly1305|hmac\.new|totp)\(\s?\w{0,12}=?[rb]?\\?[\"']((?=\D{0,40}?[0-9])[^\s\"'\\]{16,})\\?[\"']"),
    ("key", "wt.encode(|wt.decode(", r"jwt\.(?:en|de)code\([^\n\"']{1,60}, ?(?:key=)?[rb]?\\?[\"']([^\s\"'\\]{8,})\\?[\"']"),
    ("secret", "_salt", r"_salt\\?[\"']?\]? ?[:=] ?\\?[\"']?((?=\D{0,40}?[0-9])(?=[^A-Za-z\s]{0,40}[A-Za-z])[^\s\"'\\(){}$]{12,})"),
    ("password", "wort|wachtwoord|contrase|senha|mot de passe",
     r"(?:passwort|kennwort|wachtwoord|contrase\S{1,2}a|senha|mot de passe)\b[^\n:=,.;]{0,40}?(?: (?:lautet|ist|is|est|es)|[:=]) *[\"'`]?"
     r"((?=\S{0,40}?\d)(?=\S{0,40}?[A-Za-z])[^\s\"'`,;]{6,})"),
    ("key", "\"d\"", r"\"d\": ?\"([\w-]{43,})\""),
    ("key", "\"kty", r"\"kty[^\n]*?\\?\"(?:d|k)\\?\" ?: ?\\?\"([\w-]{20,})"),
    ("command-password", "docker login|podman login|helm registry login|oras login", r"login[^\n]*?\s-p[ =\"']*([^\s\"']+)"),
    ("command-password", "redis-cli ldap smbclient", r"redis-cli\b[^\n]*?\s-a[ \"']+([^\s\"']+)|ldap\w+\b[^\n]*?\s-w[ \"']+([^\s\"']+)|smbclient\b[^\n]*?%([^\s\"']+)"),
    ("command-password", "pass:", r"-pass(?:in|out)? pass:([^\s\"']+)"),
    ("cookie", "curl", r"\s(?:-b|--cookie)[ =][\"']?[\w.-]+=([^\s\"']{8,})"),
    ("wandb-key", "wandb", r"wandb(?: |\.)login(?:\(| )(?:--?[\w-]+(?:[= ]https?://\S+)? )*(?:key=)?\\*[\"']?([0-9a-z_-]{32,})"),
    ("pgpass", ":5432: :5433:", r"^[+\s]*[\w.*-]+:543\d:[\w*.-]+:[\w*.-]+:(\S+)"),
    ("npm-token", "_auth", r"(?:^|[^\w])_auth(?:Token)?\s*=\s*\"?([\w+/=.-]{8,})"),
    ("docker-auth", "auth\"|auth'|auth\\", r"\\?[\"']auth\\?[\"']\s*:\s*\\?[\"']([\w+/=]{12,})"),
    ("key", "\"key\"|'key'", r"[\"']username[\"']\s*:\s*[\"'][^\"']*[\"'],\s*[\"']key[\"']\s*:\s*[\"']([0-9a-z-]{16,})"),
    ("aws-key", "akia asia", r"A[KS]IA[A-Z0-9]{16}(?:[^\w\n]{1,12}|[^\n]{0,80}?[\s\"'|,])((?-i:(?=[^A-Z\n]{0,39}[A-Z])[A-Za-z0-9/+]{40}))(?![A-Za-z0-9/+])"),
    ("password", "password passphrase passwd pwd pass", r"\bpass(?:word|phrase|wd)?(?: (?:for|of|to|on)(?: [\w.@-]{1,30}){1,4}?)(?: is|:(?!/)|=) *((?=\S{0,40}?[\d!@#$%^&*])\S{5,})"),
    ("password", "with password|with passphrase|with token|and password|password was", r"(?:with|and) (?:the )?(?:password|passphrase|token) \\?[\"'`]?((?=\S{0,80}?\d)[^\s,;'\"]{6,})"),
)  # fmt: skip

# Services whose key is secret though `key` has other meanings: "wandb key: ...".
SERVICES = frozenset(
    (
    "wandb w&b comet neptune clearml mlflow hf huggingface kaggle openai anthropic claude gpt cohere mistral groq deepseek gemini "
    "google maps azure aws s3 gcp gcs minio together replicate fireworks openrouter perplexity xai nvidia ngc langsmith langfuse "
    "pinecone weaviate qdrant runpod vast modal lambda github gitlab slack discord telegram stripe sendgrid twilio mailgun datadog "
    "sentry grafana cloudflare vercel supabase snowflake databricks prefect roboflow labelstudio elevenlabs voyage"
).split()
)  # fmt: skip
