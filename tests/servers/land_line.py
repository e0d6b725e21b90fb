"""The court's service as a real-estate registry (不动产) meets it: messages of elements, each value base64 of UTF-8."""

import base64
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from tests.servers.court_line import JPG, PDF, CourtLine, unpacked

LISTS = {"cxBdcQL": ("BDCCXQQLIST", "BDCCXQQ"), "kzBdcQL": ("BDCKZQQLIST", "BDCKZQQ")}


def coded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def plain(text: str | None) -> str:
    return base64.b64decode(text or "").decode("utf-8")


def packed(root: ET.Element) -> str:
    return base64.b64encode(ET.tostring(root, encoding="utf-8", xml_declaration=True)).decode("ascii")


def put(parent: ET.Element, **values: str) -> None:
    for name, value in values.items():
        ET.SubElement(parent, name, {"name": "名称"}).text = coded(value)


@dataclass
class LandLine(CourtLine):
    """As CourtLine; `lists` are those of this service."""

    def __post_init__(self) -> None:
        self.lists = {"cxBdcQL": [], "kzBdcQL": []}

    def request(self, number: str, *rights: dict[str, str]) -> None:
        """A query, or a control where there are rights."""
        operation = "kzBdcQL" if rights else "cxBdcQL"
        asked = ET.Element(LISTS[operation][1])
        put(asked, CXQQDH=number, XM="张三", ZJZL="1", ZJH="410811199001010014", FIFTEENZJH="410811900101001")
        put(asked, FYMC="焦作市山阳区人民法院", AH="（2026）豫0811执1号", CKH="协助执行通知书")
        if rights:
            around = ET.SubElement(asked, "BDCQLLIST")
            for right in rights:
                put(ET.SubElement(around, "BDCQL"), **right)
        self.lists[operation].append(asked)

    def answer(self, operation: str, arguments: list[str]) -> str:
        login = unpacked(arguments[0])[0]
        if [plain(one.text) for one in login] != [self.user, self.password]:
            return packed(ET.Element("Message", {"ErrorMSG": "用户名或密码错误"}))
        match operation:
            case "cxBdcQL" | "kzBdcQL":
                root = ET.Element("Message")
                put(ET.SubElement(root, "Head"), CREATETIME="2026/11/23 09:00:00", DIGITALSIGN="")
                listed = ET.SubElement(ET.SubElement(root, "Data"), LISTS[operation][0])
                listed.extend(one for one in self.lists[operation] if plain(one.findtext("CXQQDH")) not in self.taken)
                return packed(root)
            case "kzwsInfo":
                root = ET.Element("WSLIST")
                content = base64.b64encode(PDF).decode("ascii")
                put(ET.SubElement(root, "WSINFO"), XH="1", WJMC="通知书", WJLX="pdf", WSNR=content)
                return packed(root)
            case "zjInfo":
                root = ET.Element("ZJLIST")
                content = base64.b64encode(JPG).decode("ascii")
                put(ET.SubElement(root, "ZJINFO"), XH="1", GWZBM="豫0811001", GWZWJGS="jpg", GWZ=content)
                return packed(root)
            case "feedBdcQL" | "feedkzBdcQL":
                number = plain(unpacked(arguments[1]).findtext(".//CXQQDH"))
                self.fed[number].append((operation, arguments[1]))
                self.taken.add(number)
                root = ET.Element("RESULTLIST")
                around = ET.SubElement(root, "CXJGLIST" if operation == "feedBdcQL" else "KZJGLIST")
                put(ET.SubElement(around, "JG"), CXQQDH=number, RESULT="success", MSG="")
                return packed(root)
        raise AssertionError(operation)
