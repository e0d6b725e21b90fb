"""YAML that means one thing: no key twice, no alias, no tag, no merge; one mapping in one small file."""

from collections.abc import Hashable
from pathlib import Path

import yaml

LARGEST_FILE = 256 * 1024  # bytes; a contract is a few pages


class YamlError(ValueError):
    """The file is not YAML as contracts use it. The message gives a line, never a value."""


class _StrictLoader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.events.Event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise YamlError(f"line {line}: an alias; write the value out")
        if getattr(event, "tag", None) is not None:
            raise YamlError(f"line {line}: a tag; write plain YAML")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                raise YamlError(f"line {line}: a key that is not plain text")
            if key_node.value in seen:
                raise YamlError(f"line {line}: a key that stands twice")
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def read_mapping(path: Path) -> dict[str, object]:
    """The file's one mapping. Raises YamlError, or OSError where the file cannot be read."""
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise YamlError("the file is too large for a contract")
    try:
        # A subclass of SafeLoader, which makes plain values only.
        value = yaml.load(data, Loader=_StrictLoader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise YamlError(f"{line}not YAML") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise YamlError("not YAML") from None
    except ValueError as error:
        if isinstance(error, YamlError):
            raise
        raise YamlError("a value that cannot be, such as a date that does not exist") from None
    if not isinstance(value, dict):
        raise YamlError("not a mapping")
    return value
