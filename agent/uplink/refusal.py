"""Why a collector does not want this agent's certificate: the alerts of TLS, in words that say what to do."""

import ssl

from agent.message import Message

RENEW = "renew it with `cellwarden enroll`"
#: RFC 8446, 6.2, by OpenSSL's names; "bad" is also what it calls a certificate whose time has not come
ALERTS = {
    "CERTIFICATE_EXPIRED": f"it has expired, by the collector's clock; {RENEW}",
    "BAD_CERTIFICATE": "it is not valid yet by the collector's clock, or damaged; compare both clocks with"
    " what `openssl x509 -noout -dates` says of it",
    "UNKNOWN_CA": "the collector does not know the authority that signed it (its --client-ca)",
    "CERTIFICATE_REVOKED": f"it was revoked; {RENEW}",
    "UNSUPPORTED_CERTIFICATE": f"it is not one of a client; {RENEW}",
    "CERTIFICATE_UNKNOWN": f"the collector's log may say why; {RENEW}",
    "CERTIFICATE_REQUIRED": "there is none; make one with `cellwarden enroll`, name it in [upstream]",
}


def refusal(error: BaseException | None) -> str:
    """Return what an error of TLS says of this agent's certificate; "": nothing."""
    if not isinstance(error, ssl.SSLError):
        return ""
    _, _, alert = (error.reason or "").partition("_ALERT_")  # SSLV3_, TLSV1_, TLSV13_
    if alert not in ALERTS:
        return ""
    return Message("the collector refuses this agent's certificate: {why}", why=Message(ALERTS[alert]))
