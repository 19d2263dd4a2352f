"""What the demonstration shows: who opens which sample message where, and which of its fields to look at.

`A7` and the like are the numbers of the requirements that a scene shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jingxi_client import Subject, Text

DAY = "2026-03-02"  # a Monday
MORNING = f"{DAY}T10:00:00+08:00"
EVENING = f"{DAY}T18:30:00+08:00"


@dataclass(frozen=True)
class Column:
    """A field of the dictionary and where the message has it; in a scene with `each`, below the item."""

    field: str
    path: str


@dataclass(frozen=True)
class Grant:
    """An authorisation as it stands in the grants file; `title` tells people what happens when it is given."""

    id: str
    title: Text
    entry: Mapping[str, Any]


@dataclass(frozen=True)
class Approval:
    """An authorisation that one person asks for and another gives, both signed in over TLS; after `seconds` it is over.

    `given` and `over` tell people what happened.
    """

    asker: str
    approver: str
    branch: str
    level: int
    wanted: Mapping[str, str]
    reason: str
    seconds: int
    given: Text
    over: Text


@dataclass(frozen=True)
class View:
    """One look at the message. `given` is written into the grants file before; `evening` asks at half past six.

    `approval` is asked for and given before this look, which names it; `over` names the one before, which has ended.

    `clear` names the columns that must come out in clear, all others masked; None where nothing is promised.
    """

    subject: Subject
    context: Mapping[str, Any]
    action: str = "query"
    grant_ids: tuple[str, ...] = ()
    given: Grant | None = None
    approval: Approval | None = None
    over: bool = False
    evening: bool = False
    clear: frozenset[str] | None = None


@dataclass(frozen=True)
class Scene:
    """A sample message and the looks at it.

    `each` shows the items of a list instead of the message's own fields, `item` which of their members to tell besides.
    `differs` names what tells the looks apart besides person and menu: `scenario`, `region`, `time`.
    """

    requirements: str
    title: Text
    application: str
    message: str
    columns: tuple[Column, ...]
    views: tuple[View, ...]
    folder: str = ""
    each: str = ""
    item: str = ""
    differs: tuple[str, ...] = ()

    @property
    def sample(self) -> str:
        """The sample's file below `policies/samples`."""
        return f"{self.folder}{self.application}.{self.message}.json"


BRANCH, REGION, ANOTHER_REGION = "320400001", "320400", "320500"

TELLER = Subject("T1001", ("teller",), {"level": 2, "branch": BRANCH})
SENIOR = Subject("T1002", ("senior_teller",), {"level": 3, "branch": BRANCH})
LOBBY = Subject("T1009", ("lobby_manager",), {"level": 2, "branch": BRANCH})
HEAD = Subject("M1000", ("branch_head",), {"level": 5, "branch": BRANCH})
MANAGER = Subject(
    "RM2001",
    ("relationship_manager",),
    {"level": 3, "branch": "320400003", "certificates": ["fund", "wealth"], "campaigns": ["2026-spring"]},
)
OFFICER = Subject("LO3001", ("loan_officer",), {"level": 3, "branch": BRANCH})


def at_counter(menu: str, region: str = REGION) -> dict[str, Any]:
    """Return what the counter system says about a terminal in the banking hall."""
    return {
        "menu": menu,
        "channel": "counter",
        "terminal": "teller-terminal",
        "scenario": "processing",
        "region": region,
    }


def in_crm(scenario: str, menu: str = "2101", **more: Any) -> dict[str, Any]:
    """Return what the customer relationship system says about an office computer."""
    return {"menu": menu, "channel": "back-office", "terminal": "office-pc", "scenario": scenario, **more}


HEAD_APPROVAL = Approval(
    asker="t1002",
    approver="m1000",
    branch=BRANCH,
    level=5,
    wanted={
        "subject_id": "T1002",
        "resource_type": "customer",
        "resource_id": "C2009",
        "scenario": "processing",
        "reason": "客户临柜办理大额转账",
    },
    reason="本人认识该客户",
    seconds=3,
    given=Text(
        "T1002 登录申请，自己批准被拒绝；网点负责人 M1000 登录批准：限时查看 C2009",
        "T1002 asks, and may not approve it herself; branch head M1000 signs in and does, for a moment",
    ),
    over=Text("时限已过", "the moment is over"),
)
CONSENT = Grant(
    "G-0001",
    Text(
        "客户签署征信授权书：LO3001 在受理 SQ2026030001 时查看征信，当月有效",
        "the customer signs: LO3001 may read the credit report for SQ2026030001 this month",
    ),
    {
        "kind": "customer",
        "subject": "LO3001",
        "resource": {"type": "loan", "id": "SQ2026030001"},
        "fields": ["credit_score", "credit_report_no"],
        "not_before": f"{DAY}T00:00:00+08:00",
        "expires_at": "2026-04-01T00:00:00+08:00",
        "scenario": "processing",
        "reason": "贷款申请",
        "evidence": "征信授权书 ZX-2026-000123",
    },
)

PERSON = (
    Column("name", "customer.name"),
    Column("id_no", "customer.id_no"),
    Column("mobile", "customer.mobile"),
    Column("email", "customer.email"),
)

SCENES = (
    Scene(
        requirements="A7",
        title=Text("同一系统、同一客户，岗位和菜单不同", "one system, one customer: roles and menus differ"),
        application="core-counter",
        message="customer-detail",
        columns=PERSON,
        views=(
            View(TELLER, at_counter("1101")),
            View(TELLER, at_counter("1102"), "update"),
            View(SENIOR, at_counter("1101")),
            View(SENIOR, at_counter("1102"), "update"),
            View(LOBBY, at_counter("1101")),
            View(HEAD, at_counter("1101")),
        ),
    ),
    Scene(
        requirements="A8",
        title=Text("同一类客户，余额不同", "one class of customer: balances differ"),
        application="core-counter",
        message="customer-detail",
        each="accounts",
        item="currency",
        columns=(
            Column("account_no", "no"),
            Column("card_no", "card_no"),
            Column("balance", "balance"),
            Column("available_balance", "available_balance"),
        ),
        views=(View(TELLER, at_counter("1201")), View(SENIOR, at_counter("1201"))),
    ),
    Scene(
        requirements="A9 A25",
        title=Text(
            "高价值客户：先脱敏，网点负责人授权后可见，到期恢复",
            "a high-value customer: masked, clear once the branch head approves, masked again",
        ),
        application="core-counter",
        message="customer-detail",
        folder="high-value/",
        columns=(
            Column("name", "customer.name"),
            Column("id_no", "customer.id_no"),
            Column("mobile", "customer.mobile"),
            Column("total_assets", "customer.total_assets"),
            Column("query_password", "security.query_password"),
        ),
        views=(
            View(SENIOR, at_counter("1102"), clear=frozenset()),
            View(
                SENIOR,
                at_counter("1102"),
                approval=HEAD_APPROVAL,
                clear=frozenset({"name", "id_no", "mobile", "total_assets"}),
            ),
            View(SENIOR, at_counter("1102"), over=True, clear=frozenset()),
        ),
    ),
    Scene(
        requirements="A10",
        title=Text("币种、金额、交易时间", "currency, amount and time of a transaction"),
        application="core-counter",
        message="transaction-list",
        each="transactions",
        item="currency",
        columns=(
            Column("transaction_amount", "amount"),
            Column("transaction_time", "time"),
            Column("counterparty_name", "counterparty.name"),
            Column("counterparty_account", "counterparty.account"),
        ),
        views=(View(TELLER, at_counter("1501")),),
    ),
    Scene(
        requirements="A10",
        title=Text("办理地区和时刻", "region and time of day of the enquiry"),
        differs=("region", "time"),
        application="core-counter",
        message="customer-detail",
        columns=PERSON,
        views=(
            View(SENIOR, at_counter("1102"), "update"),
            View(SENIOR, at_counter("1102", ANOTHER_REGION), "update"),
            View(SENIOR, at_counter("1102"), "update", evening=True),
        ),
    ),
    Scene(
        requirements="A11",
        title=Text(
            "四种业务场景 × 客户、账户、交易、理财", "four business scenarios × customer, account, transaction, wealth"
        ),
        differs=("scenario",),
        application="crm",
        message="customer-profile",
        columns=(
            Column("mobile", "customer.contact.mobile"),
            Column("id_no", "customer.certNo"),
            Column("balance", "accounts[0].balance"),
            Column("transaction_amount", "transactions[0].amount"),
            Column("holding_amount", "holdings[0].amount"),
        ),
        views=(
            View(MANAGER, in_crm("relationship")),
            View(MANAGER, in_crm("marketing", "2201")),
            View(MANAGER, in_crm("processing", customer_present=True)),
            View(MANAGER, in_crm("service")),
        ),
    ),
    Scene(
        requirements="A26",
        title=Text("客户本人授权后才可查看征信", "the credit report shows with the customer's own consent only"),
        application="loans",
        message="loan-application",
        columns=(
            Column("name", "khxx.khmc"),
            Column("annual_income", "khxx.nsr"),
            Column("credit_score", "zxxx.zxpf"),
            Column("credit_report_no", "zxxx.zxbgbh"),
        ),
        views=(
            View(OFFICER, at_counter("3101"), clear=frozenset({"name", "annual_income"})),
            View(
                OFFICER,
                at_counter("3101"),
                grant_ids=("G-0001",),
                given=CONSENT,
                clear=frozenset({"name", "annual_income", "credit_score", "credit_report_no"}),
            ),
        ),
    ),
)
