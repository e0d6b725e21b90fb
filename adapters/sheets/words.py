"""What stands in the two columns that a copy has more: words for the clerk, for each code."""

from typing import Final

from schemas.sheet import Refusal

VERDICT, REASON = "核验结果", "核验原因"
TAKEN, REFUSED = "已接收", "未接收"

WORDS: Final = {
    "rounded-identifier": "证件号码已被表格软件截断或取整：请将该列设为文本格式，并从原始来源重新填写",
    "rounded-case-number": "案号已被表格软件当作数字：请将该列设为文本格式，并重新填写",
    "serial-date": "日期被写成了序列数字：请将该列设为日期或文本格式",
    "shifted-columns": "列错位，或单元格多于表头",
    "unknown-shape": "表头不是已知名单的表头，或多出未知的列",
    "wrong-feed": "该记录属于另一名单",
    "wrong-value": "某一单元格的内容不符合该列的要求",
    "not-a-listing": "此行是表头，不是记录",
    "garbled-text": "文字乱码：文件曾以错误的编码打开",
    "no-subject": "没有姓名或名称，也没有证件号码",
    "no-case-number": "没有案号",
    "minor": "发布时未满十八周岁，请告知法院",
    "alike-in-batch": "与表中另一行是同一记录",
    "stale-listing": "该记录已撤下，且未重新发布",
    "withdrawal-without-key": "撤下记录须写明案号和姓名或名称",
    "deleted-and-listed": "同时要求撤下和列入同一记录",
    "unparseable": "此行无法读取",
}


def reason_of(refusal: Refusal) -> str:
    """For the clerk; with the code, for whoever is asked about it."""
    return f"{WORDS.get(refusal.code, refusal.reason)}（{refusal.code}）"
