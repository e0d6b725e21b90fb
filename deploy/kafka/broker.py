"""Fetch Apache Kafka and run one broker on loopback: `make kafka`. Standard library only; needs Java 17 and Maven.

One KRaft process is broker and controller. Its port is 9092, or what KAFKA_PORT says; its data are kept from one run
to the next in `deploy/kafka/target/data/PORT`. Ctrl-C ends it.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
JARS = HERE / "target" / "jars"
HOST = "127.0.0.1"
HOW_TO_GET = "apt-get install openjdk-17-jre-headless maven"
START_SECONDS = 90.0
STOP_SECONDS = 30.0


class Missing(Exception):
    """Java, Maven or the broker's own files cannot be had; the message says how to get them."""


def fetch() -> None:
    """Copy the broker's files to `target/jars`, once for each pinned version. Raises Missing."""
    absent = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if absent:
        raise Missing(f"Apache Kafka needs {' and '.join(absent)}: {HOW_TO_GET}")
    pom = (HERE / "pom.xml").read_bytes()
    fetched = JARS / "fetched.xml"
    if fetched.is_file() and fetched.read_bytes() == pom:
        return
    shutil.rmtree(JARS, ignore_errors=True)
    done = subprocess.run(
        ["mvn", "--quiet", "--batch-mode", "--file", HERE / "pom.xml", "package"],  # noqa: S607 - found on the PATH
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Missing(f"Maven could not fetch Apache Kafka:\n{(done.stdout + done.stderr).strip()[-2000:]}")
    fetched.write_bytes(pom)


def is_open(port: int) -> bool:
    """Whether somebody listens on that loopback port."""
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex((HOST, port)) == 0


@dataclass(slots=True)
class Broker:
    """One broker process over `folder`. `settings` are added to `server.properties`; `scram` are users, name to
    password, that exist from the first start. `port` is the one that shows that it is up.
    """

    folder: Path
    port: int
    settings: Mapping[str, str]
    scram: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Format the storage if it is new, and run. Raises RuntimeError with the end of its log if it does not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = (HERE / "server.properties").read_text(encoding="utf-8")
        lines = [f"{name}={value}" for name, value in {"log.dirs": f"{self.folder}/log", **self.settings}.items()]
        self._properties.write_text(text + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
        self._properties.chmod(0o600)
        if not (self.folder / "log" / "meta.properties").is_file():
            self._format()
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._properties)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop it in order
            )
        if wait:
            self.wait_until_up()

    def wait_until_up(self) -> None:
        """Raises RuntimeError where the process ends, or does not listen in time."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.process is None or self.process.poll() is not None:
                break
            if is_open(self.port):
                return
            time.sleep(0.1)
        self.kill()
        raise RuntimeError(f"the broker did not start; its log ends:\n{self.log_end()}")

    def stop(self) -> None:
        """Stop it in order (SIGTERM), by force where it takes longer than half a minute."""
        if self.process is None:
            return
        self.resume()
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def kill(self) -> None:
        """End it at once (SIGKILL), as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Stop and start again over the same data and ports."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Halt it (SIGSTOP): connections stay open and nobody answers."""
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)

    def log_end(self) -> str:
        """The last lines of its log."""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:])

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _log(self) -> Path:
        return self.folder / "broker.log"

    def _format(self) -> None:
        arguments = [
            "format",
            "--standalone",
            "--config",
            str(self._properties),
            f"--cluster-id={secrets.token_urlsafe(16)}",  # in one word: it may begin with a hyphen
        ]
        for user, password in self.scram.items():
            arguments += ["--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]"]
        done = subprocess.run(
            self._java("kafka.tools.StorageTool", *arguments), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"the broker's storage could not be formatted:\n{done.stdout}{done.stderr}")

    @staticmethod
    def _java(main: str, *arguments: str) -> list[str]:
        return [
            "java",
            "-Xms128m",
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:+ExitOnOutOfMemoryError",
            f"-Dlog4j2.configurationFile={HERE / 'log4j2.yaml'}",
            "-cp",
            f"{JARS}/*",
            main,
            *arguments,
        ]


def plaintext_settings(port: int, controller: int) -> dict[str, str]:
    """One listener without a password for everybody on this machine, and the controller's own."""
    return {
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.bootstrap.servers": f"{HOST}:{controller}",
        "super.users": "User:ANONYMOUS",
    }


def main() -> int:
    """Run until Ctrl-C."""
    port = int(os.environ.get("KAFKA_PORT", "9092"))
    if is_open(port):
        sys.stderr.write(f"port {port} is taken; name another with KAFKA_PORT\n")
        return 1
    try:
        fetch()
        # A folder for each port: the controller's address is written into the storage when it is formatted.
        broker = Broker(HERE / "target" / "data" / str(port), port, plaintext_settings(port, port + 1))
        broker.start()
    except (Missing, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Apache Kafka listens on {HOST}:{port} (plaintext, this machine only). Ctrl-C ends it.\n")
    sys.stdout.flush()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while broker.process is not None and broker.process.poll() is None:
            time.sleep(0.5)
    except KeyboardInterrupt:
        broker.stop()
        return 0
    sys.stderr.write(f"the broker ended; its log ends:\n{broker.log_end()}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
