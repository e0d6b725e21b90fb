"""Why a record is taken back, as a code: 法释〔2017〕7号 article 10 has seven grounds of deletion, practice some more.

A published list says it in words, and the words of one court are not those of the next; they are told by what they have
in common. Words that tell nothing have no code: free text may name people, and goes nowhere.
"""

import re
from functools import lru_cache
from typing import Final

SUSPENDED: Final = frozenset({"suspended-by-bankruptcy", "suspended-by-retrial", "suspended"})
"""The measures rest with the enforcement, which may be resumed; all other reasons delete (article 10 (5))."""

RESUMED: Final = "resumed"
"""Not a reason to take back: an enforcement that was suspended goes on, and so does the listing (恢复执行)."""

# The first that fits counts: "因破产终结执行" ends the enforcement, "和解协议履行完毕" is performed by settlement.
_REASONS: Final = tuple(
    (code, re.compile(pattern))
    for code, pattern in (
        ("no-property-found", "终本|终结本次执行"),  # (4), after two searches found nothing
        ("not-enforced", "不予执行"),  # (6)
        ("enforcement-ended", "终结(?:案件)?执行|宣告破产|破产程序已?终结"),  # (7)
        ("suspended-by-bankruptcy", "破产|重整"),  # (5)
        ("suspended-by-retrial", "审判监督|再审"),  # (5)
        ("suspended", "(?<!未)(?:中止|暂停)"),  # (5), and the list says no more
        ("applicant-asked", "申请(?:执行)?人.*(?:申请|同意|请求|要求)"),  # (3)
        ("settled", "^(?!.*(?:不履行|违反)).*(?:执行和解|和解协议|达成和解)"),  # (2)
        ("performed", "(?<!未)(?<!不)(?:履行完毕|执行完毕|全部履行|已经?履行|已全部|已结清|清偿完毕)"),  # (1)
        ("period-over", "期限?届?满|期限已过|到期|过期"),
        ("deleted-early", "提前删除|主动纠正|积极履行|信用修复"),  # article 2: the court may, before the period ends
        ("corrected", "更正|有误|错误|不准确|不实"),  # article 11
        ("lifted", "解除"),  # of an order restricting consumption
        ("revoked", "撤销|不应(?:当)?(?:纳入|列入)|不符合"),  # article 11: it should never have been listed
    )
)
CORRECTED: Final = "corrected"
RENUMBERED: Final = "resumed-under-another-number"
"""The enforcement goes on as another case (执恢), whose listing takes the place of this one."""

CODES: Final = frozenset(code for code, _ in _REASONS)


@lru_cache(maxsize=1024)
def reason_in(text: str) -> str | None:
    """The code of what a list says in its own words; None where they tell nothing."""
    return next((code for code, pattern in _REASONS if pattern.search(text)), None)
