# SPDX-License-Identifier: Apache-2.0
"""What a process needs in its environment so that unmodified SDKs reach the sandbox."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from azure_sandbox.gateway.certificates import TRUST_STORE_PHRASE, Certificates


def client_environment(certificates: Certificates, proxy_port: int, metadata_port: int) -> dict[str, str]:
    """Proxy and trust variables for Python, Node, Go, curl and JVMs.

    Set all of them, over what is there: each HTTP stack reads another one.
    """
    proxy = f"http://127.0.0.1:{proxy_port}"
    authority = str(certificates.ca)
    java = {
        "https.proxyHost": "127.0.0.1",
        "https.proxyPort": str(proxy_port),
        "javax.net.ssl.trustStore": str(certificates.trust_store),
        "javax.net.ssl.trustStoreType": "PKCS12",
        "javax.net.ssl.trustStorePassword": TRUST_STORE_PHRASE,
    }
    return {
        **dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), proxy),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
        **dict.fromkeys(
            ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CA_BUNDLE"), authority
        ),
        "NODE_EXTRA_CA_CERTS": authority,
        "AZURE_POD_IDENTITY_AUTHORITY_HOST": f"http://127.0.0.1:{metadata_port}",
        "GCE_METADATA_HOST": f"127.0.0.1:{metadata_port}",
        "GCE_METADATA_IP": f"127.0.0.1:{metadata_port}",
        "JAVA_TOOL_OPTIONS": " ".join(f"-D{key}={value}" for key, value in java.items()),
    }


#: Variables that would lead a client past the sandbox's certificate authority.
UNSET = ("SSL_CERT_DIR",)


def write_shell(path: Path, environment: dict[str, str]) -> None:
    """A file to ``source``; replaced at once, so that a reader never sees half of it."""
    lines = [f"unset {name}" for name in UNSET]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in sorted(environment.items())]
    fresh = path.with_suffix(".new")
    fresh.write_text("\n".join(lines) + "\n", encoding="utf8")
    os.replace(fresh, path)
