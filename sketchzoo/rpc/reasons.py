"""Why a server cannot be reached, in plain words: gRPC's core tells it in those of its code."""

# What is looked for in gRPC's text, the most telling first.
_WORDS = (
    ("Connection refused", "connection refused: nothing listens there"),
    ("Failed to parse port", "its port is no number"),
    ("lookup", "its host name is not known"),
    ("resolving", "its host name is not known"),
    ("No route to host", "there is no route to its host"),
    ("Network is unreachable", "its network cannot be reached"),
    ("No such file or directory", "there is no such socket file"),
    ("Failed parsing HTTP/2", "what answers there does not speak gRPC"),
    (
        "WRONG_VERSION_NUMBER",
        "it speaks plain text, not TLS: call it without a CA, Qdrant by http://",
    ),
    ("Hostname Verification", "its certificate is for another host name"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not signed by the CA that was given"),
    ("security handshaker", "the CA or the certificate given cannot be used"),
    ("Socket closed", "it closed the connection: does it ask for TLS, or a certificate?"),
    ("Connection reset", "it closed the connection: does it ask for TLS, or a certificate?"),
)


def plain(details: str) -> str:
    """Return gRPC's text on a connection in plain words; other texts as they are."""
    return next((words for sign, words in _WORDS if sign in details), details)
