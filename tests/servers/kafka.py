"""One real Apache Kafka for a whole test session, reached in plaintext and by SCRAM over TLS.

`FUYUAN_TEST_KAFKA`, the bootstrap address of a plaintext listener, names a broker that exists instead; what needs
passwords and TLS is then not tested.
"""

import datetime
import ipaddress
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.kafka.broker import HOST, Broker, Missing, fetch
from gateway.demo.processes import free_port
from tests.servers.postgres import NotHere

EXISTING = "FUYUAN_TEST_KAFKA"
ADMIN = "admin"


@dataclass(frozen=True)
class Kafka:
    """`bootstrap` is plaintext, where everybody may do all. `secure` takes SCRAM-SHA-512 over TLS and allows what an
    ACL allows. `broker` can be stopped, killed, paused, restarted. All but the first are None where it is not ours.
    """

    bootstrap: str
    secure: str | None = None
    ca_file: Path | None = None
    admin_password: str | None = None
    broker: Broker | None = None


@contextmanager
def kafka_server() -> Iterator[Kafka]:
    """The named broker, or one of our own that is gone afterwards. Raises NotHere."""
    if named := os.environ.get(EXISTING):
        yield Kafka(named)
        return
    try:
        fetch()
    except Missing as missing:
        raise NotHere(f"{missing}; or name a broker by {EXISTING}") from None
    with tempfile.TemporaryDirectory(prefix="fuyuan-kafka-") as folder:
        kafka = make_kafka(Path(folder))
        assert kafka.broker is not None
        kafka.broker.start()
        try:
            yield kafka
        finally:
            kafka.broker.stop()


def make_kafka(folder: Path, **settings: str) -> Kafka:
    """A broker of our own over `folder`, not started; `settings` (dots as underscores) win over those of the file."""
    key_store, ca_file = _make_certificates(folder)
    plain, secure, internal, controller = (free_port() for _ in range(4))
    names = {"PLAINTEXT": plain, "SECURE": secure, "INTERNAL": internal}
    listeners = ",".join(f"{name}://{HOST}:{port}" for name, port in names.items())
    password = secrets.token_urlsafe(18)
    broker = Broker(
        folder / "broker",
        plain,
        {
            "listeners": f"{listeners},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": (
                "PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
            ),
            "inter.broker.listener.name": "INTERNAL",
            "controller.quorum.bootstrap.servers": f"{HOST}:{controller}",
            "super.users": f"User:{ADMIN};User:ANONYMOUS",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.secure.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(key_store),
            **{name.replace("_", "."): value for name, value in settings.items()},
        },
        scram={ADMIN: password},
    )
    return Kafka(f"{HOST}:{plain}", f"{HOST}:{secure}", ca_file, password, broker)


def _make_certificates(folder: Path) -> tuple[Path, Path]:
    """The broker's key with its certificate, and the certificate of those who signed it; both PEM, good for a day."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    now = datetime.datetime.now(datetime.UTC)

    def certificate(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )

    ca = (
        certificate(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    own = (
        certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test broker")]), key.public_key())
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]),
            critical=False,
        )
        .sign(ca_key, hashes.SHA256())
    )
    key_store, ca_file = folder / "broker.pem", folder / "ca.pem"
    key_store.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + own.public_bytes(serialization.Encoding.PEM)
    )
    key_store.chmod(0o600)
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    return key_store, ca_file
