"""Whose certificates are believed."""

import ssl

import certifi


def verifying() -> ssl.SSLContext:
    """By the machine's authorities; by those of Mozilla, where it has none.

    Not ``create_default_context``: that writes the keys of every connection to a file that a
    variable of the environment names.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        context.load_default_certs()
    else:
        context.load_verify_locations(certifi.where())
    return context
