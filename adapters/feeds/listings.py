"""The rows of the table of key sets for `dishonest-debtor` (失信被执行人): one for each published shape of a listing.

A row has the keys that tell it (all of `required`, one of each set in `telling`) and what each key says. To read
another list, add a row. A key that no row knows may say that the debtor was removed, so it is never passed over
unless it holds nothing or is a mark of the machine that copied the list.
"""

import re
from collections.abc import Mapping
from functools import partial

from adapters.feeds import labels
from adapters.feeds.adapter import FeedAdapter
from adapters.feeds.debtor import debtor
from adapters.feeds.fields import Fields, said_with
from adapters.feeds.own import said_by_us
from adapters.feeds.published import said_by_baidu, said_by_zxgk
from adapters.feeds.removal import REMOVAL, States
from adapters.feeds.said import Said
from adapters.feeds.shape import Shape
from schemas.catalog import DISHONEST_DEBTOR

# What crawlers, search engines, queues and databases put beside a record.
COPIED = re.compile(
    r"(?:_|bbd_)(?!.*(?:del|rem|stat|valid)).*|md5|hash|uuid|guid|rowkey|keyid|keyno|key|index|seq|sn|rn|rownum|version|序号|编号"
    r"|(?:company|corp|ent|enterprise|obligor|record|data|task|batch|row|tyc|tycCompany|shixin|[oucgsr])?_?id"
    r"|(?:source_?)?url|link|source|data_?source|website|StdSt[gl]|SiteId|priority|lastmod"
    r"|(?:gmt|data|row|last)?_?(?:create|update|insert|modify|modifie|crawl|fetch|grab|spider|load|sync|build|collect|up|do|etl)"
    r"d?_?(?:time|date|at|stamp|ymd)?|[cu]time|dt|ymd",
    re.IGNORECASE | re.ASCII,
)


def _row(
    system: str,
    required: str,
    /,
    *telling: str,
    ignored: str = "",
    only: Mapping[str, frozenset[str]] | None = None,
    states: States | None = None,
    words: Mapping[str, str] | None = None,
    **said: str,
) -> Shape[Said]:
    """A row whose sets of keys are written as words with blanks between them; `words` are more of what is `said`."""
    fields = Fields(**{name: tuple(keys.split()) for name, keys in {**(words or {}), **said}.items()})
    passed_over = frozenset(ignored.split()) | frozenset(only or ()) | frozenset(states or ())
    return Shape(
        feed=DISHONEST_DEBTOR.name,
        name=system,
        required=frozenset(required.split()),
        known=fields.all | passed_over | REMOVAL,
        said=partial(said_with, fields, system),
        case_number=fields.case_number,
        names=fields.name,
        identifiers=fields.identifiers,
        free_text=fields.obligation,
        telling=tuple(frozenset(one.split()) for one in telling),
        ignored=passed_over,
        only=only or {},
        states=states or {},
    )


_NEEDED = frozenset({"iname", "caseCode", "cardNum", "courtName", "publishDate"})
_ZXGK = _NEEDED | REMOVAL | {
    "id", "age", "sexy", "sexname", "businessEntity", "areaName", "partyTypeName", "gistId", "regDate", "gistUnit",
    "duty", "performance", "performedPart", "unperformPart", "disruptTypeName", "focusNumber", "qysler",
}  # fmt: skip
_BAIDU = _ZXGK | {
    "StdStg", "StdStl", "type", "loc", "sitelink", "publishDateStamp", "lastmod", "_update_time", "_select_time",
    "_version", "areaNameNew", "SiteId", "changefreq", "priority", "cambrian_appid",
}  # fmt: skip

LISTINGS: tuple[Shape[Said], ...] = (
    Shape(
        DISHONEST_DEBTOR.name, "zxgk", _NEEDED, _ZXGK, said_by_zxgk,
        case_number=("caseCode",), names=("iname",), identifiers=("cardNum",), free_text=("duty",),
    ),
    Shape(
        DISHONEST_DEBTOR.name, "baidu", _NEEDED, _BAIDU, said_by_baidu, telling=(_BAIDU - _ZXGK,),
        case_number=("caseCode",), names=("iname",), identifiers=("cardNum",), free_text=("duty",),
    ),
    _row(  # 天眼查: zxgk's keys in lower case, some as they were; its later keys too (`SPELLED_ANYHOW`)
        "tyc", "iname casecode", "publishdate disrupttypename disruptTypeName duty performance",
        case_number="casecode", name="iname", identifiers="cardnum", age="age", sex="sexy sexname gender",
        head="businessentity businessEntity", responsible="staff qysler", court="courtname",
        province="areaname areaName", filed_on="regdate", basis="gistid", issuer="gistunit", obligation="duty",
        performance="performance", performed="performedpart performedPart", unperformed="unperformpart unperformPart",
        grounds="disrupttypename disruptTypeName", published_on="publishdate", record="id key",
        ignored="partytypename partyTypeName type focusnumber focusNumber connList sType ysfzd riskMark sourceType "
        "corporationId dataSourceType",
        states={
            # Whether the court's site still shows it, 0 at one supplier; 1 says "gone" here and "in force" there.
            "status": {"0": False},
            "isBlacklist": {"true": False, "1": False},
        },
    ),
    _row(  # 企查查, older and current keys
        "qcc", "Name Anno", "Actionremark Executestatus Yiwu Publicdate",
        case_number="Anno", name="Name", identifiers="Orgno CreditCode", age="Age", sex="Sexy Sex", head="Ownername",
        court="Executegov", province="Province", filed_on="Liandate", basis="Executeno", issuer="Executeunite",
        obligation="Yiwu", performance="Executestatus", performed="Performedpart", unperformed="Unperformpart",
        grounds="Actionremark", published_on="Publicdate", record="Id Uniqueno",
        ignored="OrgType OrgTypeName Isperson IsPerson Createdate Updatedate Sourceid Follows Follow KeyNo Amount",
    ),
    _row(  # BBD, and its tables
        "bbd", "pname case_code", "concrete_situation perform_degree definiteo_bligation pubdate",
        case_number="case_code", name="pname", identifiers="pname_id", scheme="idtype", age="age", sex="sex gender",
        head="frname", court="exec_court_name", province="province", filed_on="case_create_time", basis="exe_code",
        issuer="exec_basunit", obligation="definiteo_bligation", performance="perform_degree",
        performed="performed_part", unperformed="unperform_part unperformed_part", grounds="concrete_situation",
        published_on="pubdate", record="bbd_xgxx_id id", ignored="type company_name dis_id focus_number frname_id",
    ),
    _row(  # 法海, and what passes its keys on: several lists in one form
        "fahai", "caseNo", "jtqx lxqk yiwu yjCode",
        case_number="caseNo", name="pname ename name companyName", identifiers="idcardNo", age="age", sex="sex",
        head="ownerName", court="court", province="province", filed_on="sortTime", basis="yjCode", issuer="yjdw",
        obligation="yiwu", performance="lxqk", performed="performedpart", unperformed="unperformpart", grounds="jtqx",
        published_on="postTime", record="shixinId entryId id",
        ignored="body title matchRatio sortTimeString orgType orgTypeName updatedate",
        only={"dataType": frozenset({"shixin"})},
    ),
    _row(  # 百融: two lists in one form
        "bairong", "casenum name", "concretesituation obligation posttime",
        case_number="casenum", name="name", identifiers="cid", scheme="cidtype", age="age", sex="sex", head="leader",
        court="court", province="address", filed_on="time", basis="base", issuer="basecompany",
        obligation="obligation", performance="performance", performed="performedpart", unperformed="unperformpart",
        grounds="concretesituation", published_on="posttime",
        ignored="datatime lasttime breaktime money",
        only={"datatypeid": frozenset({"102"}), "datatype": frozenset({"失信被执行人"})},
    ),
    _row(  # a debt-monitoring product
        "monitor", "caseCode court", "name obligorName", "disruptType gmtPublishDate removeStatus",
        case_number="caseCode", name="name obligorName", identifiers="number obligorNumber",
        age="age", sex="sex", head="legalPersonName",
        court="court", province="area province", filed_on="registerDate gmtRegisterDate", basis="gistId",
        issuer="gistUnit", obligation="duty", performance="performance", grounds="disruptType fact",
        published_on="gmtPublishDate publishDate", record="id",
        ignored="isAttention isRead isBorrower obligorType status bankruptcyStatus "
        "dishonestStatus",
    ),
    _row(  # the same, short: the debtor is the page's, not the record's
        "monitor-short", "caseCode court fact", "publishDate duty performance",
        case_number="caseCode", name="name", identifiers="number", court="court", obligation="duty",
        performance="performance", grounds="fact", published_on="publishDate gmtPublishDate", record="id",
        ignored="url",
    ),
    _row(  # a personal credit report
        "report", "caseCode releaseTime", "filingTime exeCode disruptTypeName duty",
        case_number="caseCode", name="name iname", identifiers="cardNum idCard idNo certNo", age="age", sex="sex",
        head="businessEntity legalPerson", court="courtName court execCourtName", province="areaName",
        filed_on="filingTime", basis="exeCode", issuer="exeUnit gistUnit exeCourt", obligation="duty",
        performance="performance", performed="performedPart", unperformed="unperformPart", grounds="disruptTypeName",
        published_on="releaseTime", record="id", ignored="type focusNumber",
    ),
    _row(  # a list that shows no more than region and year of birth
        "masked", "name caseNo court", "areaCode birthYear",
        case_number="caseNo", name="name", identifiers="cardNum idCard", birth_year="birthYear", sex="sex",
        court="court", published_on="publishDate", record="id", ignored="areaCode",
    ),
    _row(  # crawlers' tables
        "crawled", "entity_name case_code", "obligation publish_time executor_unit",
        case_number="case_code", name="entity_name", identifiers="entity_id", age="age", sex="sex",
        head="legal_person", court="court", province="province area", filed_on="case_create_time", basis="file_id",
        issuer="executor_unit", obligation="obligation", performance="performance", performed="performed",
        unperformed="unperformed", grounds="behavior situation", published_on="publish_time", record="id",
        ignored="entity_type",
    ),
    _row(  # the labels of the court's own site, as tables and pages have them
        "labels", "", labels.CASE, labels.NAME,
        f"{labels.LISTED} {labels.GROUNDS} {labels.OBLIGATION} {labels.PERFORMANCE}",
        words=labels.FIELDS, ignored=f"{labels.IGNORED} {labels.BEFORE_IT}", states={labels.STATE_KEY: labels.STATE},
    ),
    _row(  # the same with what the case is about: tables of clerks, Shanghai's keys. Only this list names its grounds.
        "case-table", "", labels.CASE, labels.NAME, f"{labels.LISTED} {labels.GROUNDS}",
        words=labels.FIELDS,
        ignored=f"{labels.IGNORED} {labels.OF_THE_CASE} {labels.BEFORE_IT}",
        states={labels.STATE_KEY: labels.STATE},
    ),
)  # fmt: skip

ADAPTER = FeedAdapter(DISHONEST_DEBTOR.name, said_by_us, debtor, LISTINGS)

SPELLED_ANYHOW = next(shape for shape in LISTINGS if shape.name == "tyc")
"""The row whose keys are zxgk's: databases write them in capitals, or in words joined by low lines."""
