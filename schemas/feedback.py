"""What an agency says of a record that it was shown (反馈, 异议): one of three words, with a reason from a closed list.

`accepted` and `rejected` are what a platform answers that checks what it takes in; a court's listing stands either way.
`disputed` repeats an objection: the three grounds of 失信 rules (法释〔2017〕7号) Art 11, and that the person whom the
agency's own row or application is about is another than the one listed. Nothing here is free text (rule D12).
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

from schemas.identifiers import read_identifier

Answer: TypeAlias = Literal["accepted", "rejected", "disputed"]
Rejection: TypeAlias = Literal[
    "identity-missing",  # no identifier that the platform keys its entries by
    "identity-wrong",  # one whose check fails, or that its own register gives to another
    "field-missing",
    "field-wrong",
    "duplicate",
    "not-in-catalogue",  # 不在公共信用信息目录
    "out-of-time",  # 超过披露期限
]
Objection: TypeAlias = Literal[
    "not-to-be-listed",  # 不应纳入
    "content-inaccurate",  # 记载的内容不准确
    "to-be-deleted",  # 应予删除
    "not-this-person",
]
NOT_THIS_PERSON: Final[Objection] = "not-this-person"
REASONS: Final[Mapping[str, frozenset[str | None]]] = {
    "accepted": frozenset({None}),
    "rejected": frozenset(get_args(Rejection)),
    "disputed": frozenset(get_args(Objection)),
}
ANSWERS: Final[frozenset[str]] = frozenset(REASONS)


def may_have_row(answer: str, reason: str | None) -> bool:
    """Of one row or application only its identity is disputed; `accepted` takes that back."""
    return answer == "accepted" or reason == NOT_THIS_PERSON


def is_identity_number(text: str) -> bool:
    """Whether it is a citizen number or a credit code whose check holds: no reference that is opaque is one."""
    try:
        found = read_identifier(text)
    except ValueError:
        return False
    return found is not None and found.check == "pass" and found.scheme in ("cn-id", "cn-uscc")
