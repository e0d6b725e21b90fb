"""The reasons of withdrawal, told from the words of lists (法释〔2017〕7号 article 10)."""

import pytest

from schemas.withdrawal_reasons import CODES, CORRECTED, SUSPENDED, reason_in

WORDS = {
    "被执行人已履行生效法律文书确定的义务": "performed",
    "人民法院已执行完毕": "performed",
    "已结清": "performed",
    "当事人达成执行和解协议且已履行完毕": "settled",
    "申请执行人书面申请删除失信信息，人民法院审查同意": "applicant-asked",
    "终结本次执行程序后，通过网络执行查控系统查询被执行人财产两次以上，未发现有可供执行财产": "no-property-found",
    "终本": "no-property-found",
    "因审判监督程序，依法裁定中止执行": "suspended-by-retrial",
    "因破产程序，依法裁定对失信被执行人中止执行": "suspended-by-bankruptcy",
    "人民法院已受理其破产申请": "suspended-by-bankruptcy",
    "中止执行": "suspended",
    "人民法院依法裁定不予执行": "not-enforced",
    "人民法院依法裁定终结执行": "enforcement-ended",
    "宣告破产，裁定终结执行": "enforcement-ended",
    "破产程序终结": "enforcement-ended",
    "纳入期限届满": "period-over",
    "已到期": "period-over",
    "积极履行义务，决定提前删除": "deleted-early",
    "记载信息不准确，予以更正": "corrected",
    "不应纳入失信被执行人名单": "revoked",
    "撤销": "revoked",
    "已解除": "lifted",
}


@pytest.mark.parametrize("words", WORDS)
def test_article_10_words_of_lists_have_a_code(words: str) -> None:
    assert reason_in(words) == WORDS[words]


@pytest.mark.parametrize("words", ["", "删除", "未履行完毕", "不履行和解协议", "未中止", "张三", "performed"])
def test_words_that_tell_no_reason_have_none(words: str) -> None:
    """Not even those that deny one: "not yet performed" is no reason to take anybody off the list."""
    assert reason_in(words) is None


def test_the_codes_that_are_told_apart_are_codes() -> None:
    assert {CORRECTED} | SUSPENDED <= CODES
