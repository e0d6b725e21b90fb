"""The labels of the court's own site, as its pages have them and clerks write them over the columns of a table."""

CASE = "案号 执行案号"
BEFORE_IT = "原案号 原执行案号 原执行案件案号 恢复前案号"  # the number that the case had before it was resumed
ORIGINAL_CASE = (*BEFORE_IT.split(), "original_case_number")
LISTED = (  # labels of the name that only this list has
    "失信被执行人 失信被执行人姓名/名称 失信被执行人姓名 失信被执行人名称 失信人 失信人名称"
)
NAME = (
    "被执行人姓名/名称 被执行人姓名或名称 被执行人姓名或者名称 被执行人姓名 被执行人名称 被执行人 "
    f"姓名/名称 姓名或名称 {LISTED} 姓名 名称 企业名称 单位名称"
)
IDENTIFIER = (
    "身份证号码/组织机构代码 身份证号码或组织机构代码 身份证号码/组织机构代码/统一社会信用代码 身份证号/组织机构代码 "
    "身份证/组织机构代码 身份证号码/统一社会信用代码 身份证号/统一社会信用代码 统一社会信用代码/组织机构代码 "
    "身份证号码/工商注册号 身份证号码 身份证号 公民身份号码 证件号码 证件号 "
    "组织机构代码 组织机构代码证 统一社会信用代码 社会信用代码 工商注册号 注册号"
)
HEAD = (
    "法定代表人或者负责人姓名 法定代表人或负责人姓名 法定代表人/负责人姓名 法定代表人/负责人 法定代表人或者负责人 "
    "法定代表人或负责人 法定代表人姓名 法定代表人 负责人姓名 负责人"
)
ISSUER = (
    "做出执行依据单位 作出执行依据单位 做出执行依据的单位 作出执行依据的单位 做出执行的依据单位 作出执行的依据单位 "
    "执行依据单位"
)
OBLIGATION = "生效法律文书确定的义务 生效法律文书确定义务 法律文书确定的义务 义务"
PERFORMANCE = "被执行人的履行情况 被执行人履行情况 履行情况"
GROUNDS = "失信被执行人行为具体情形 失信行为具体情形 失信具体情形 失信情形 失信行为 具体情形"
LISTED_UNTIL = (
    "失信期限届满日 失信期限届满日期 期限届满日 期限届满日期 届满日期 纳入期限至 纳入期限截止日 截止日期 有效期至 "
    "到期日期 到期日"
)
PUBLISHED = "发布时间 发布日期 公布时间 公布日期"

STANDS = ("有效", "正常", "已发布", "发布", "发布中", "在榜", "未撤销", "未删除")
AGAIN = ("恢复", "恢复执行", "已恢复", "恢复发布", "恢复公布")  # it was suspended, and goes on
GONE = (
    "撤销", "已撤销", "删除", "已删除", "屏蔽", "已屏蔽", "撤下", "已撤下", "移除", "已移除", "解除", "已解除",
    "到期", "已到期", "期满", "已期满", "期限届满", "中止", "已中止", "中止执行", "暂停", "已暂停", "破产中止",
)  # fmt: skip
STATE_KEY = "状态"
STATE = {**dict.fromkeys((*STANDS, *AGAIN), False), **dict.fromkeys(GONE, True)}

FIELDS = {
    "case_number": CASE,
    "name": NAME,
    "identifiers": IDENTIFIER,
    "scheme": "证件类型 证照类型",
    "age": "年龄",
    "sex": "性别",
    "birth_year": "出生年份 出生年",
    "head": HEAD,
    "responsible": "企业失信人责任人 企业责任人 责任人",
    "court": "执行法院 执行法院名称 承办法院 承办法院、联系电话 法院",
    "province": "省份 所在省份 地域 区域",
    "filed_on": "立案时间 立案日期",
    "basis": "执行依据文号 执行依据",
    "issuer": ISSUER,
    "obligation": OBLIGATION,
    "performance": PERFORMANCE,
    "performed": "已履行部分 已履行",
    "unperformed": "未履行部分 未履行",
    "grounds": GROUNDS,
    "published_on": PUBLISHED,
    "listed_until": LISTED_UNTIL,
    "state": STATE_KEY,
    "record": "记录编号",
}
IGNORED = "关注次数 类型 被执行人类型 失信被执行人类型 类别 民族 地址 住址 住所地 被执行人地址 联系电话 承办人 承办法官"
OF_THE_CASE = (
    "申请执行人 申请人 案由 执行标的 执行标的（元） 执行标的金额 执行标的金额（元） 申请执行标的 标的金额 标的额 "
    "涉案金额"
)
