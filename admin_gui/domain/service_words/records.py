"""What is wrong with a question about records (`pdp/snapshot`)."""

from __future__ import annotations

from typing import Final

from admin_gui.domain.say import Say

WORDS: Final[tuple[Say, ...]] = (
    # filter/build.py
    Say("筛选条件的类型是 {type}，不是真假值", "the filter is of type {type}, not a condition"),
    Say("无法算出：{why}", "cannot be computed: {why}"),
    # The types are left out: "`+` of what a record holds is not part of filters" looks the same.
    Say("筛选条件中不能这样使用 `{operator}`", "`{operator}` of {types} is not part of filters"),
    Say("条件不能再与别的值比较", "a condition cannot be compared"),
    Say("请单独写出，或在前面加 `!`", "write it alone, or with `!`"),
    Say("`flagged` 不能与别的值比较", "`flagged` cannot be compared"),
    Say("请写 `flagged` 或 `!flagged`", "write `flagged` or `!flagged`"),
    Say("筛选条件不支持混合类型的列表", "a list of mixed types is not part of filters"),
    Say("{held} 的列表中不会有 {type}", "a list of {held} has no {type}"),
    Say("`in` 的一侧须为常量", "`in` needs a constant on one side"),
    Say("`in` 须用于列表", "`in` needs a list"),
    Say("筛选条件不支持{why}", "{why} not part of filters"),
    Say(" `all`、`exists`、`filter` 和 `map`", "`all`, `exists`, `filter` and `map` are"),
    Say("对记录的内容使用 `{name}`", "`{name}` of what a record holds is"),
    Say("这种写法", "this is"),
    Say("`{name}` 不是记录中的名称", "`{name}` is not a name of a record"),
    Say("这里需要映射", "a map is needed here"),
    Say("这里需要常量文本", "a constant text is needed here"),
    Say("请加引号", "write it in quotes"),
    Say("该数不是有限的值", "the number has no finite value"),
    # filter/parse.py
    Say(
        '筛选条件形如 `subject.id == "T1001" && unmasked("id_no")`',
        'a filter looks like `subject.id == "T1001" && unmasked("id_no")`',
    ),
    Say(
        "请用 `==`、`!=`、`<`、`<=`、`>`、`>=`、`in`、`startsWith`、`endsWith`、`contains` 比较各名称，"
        "并以 `&&`、`||`、`!` 连接",
        "compare names by `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `startsWith`, `endsWith` and `contains`, "
        "and join them by `&&`, `||` and `!`",
    ),
    Say("筛选条件中有半个字符", "the filter holds half a character"),
    Say("请写成 UTF-8", "write it as UTF-8"),
    Say("筛选条件长 {size} 字节，上限为 {limit}", "the filter is {size} bytes long, the limit is {limit}"),
    Say("请分几次查询", "ask in several steps"),
    Say("`{function}` 的名称须为常量", "`{function}` needs a constant name"),
    Say('请写 `{function}("subject.level")`', 'write `{function}("subject.level")`'),
    Say("筛选条件嵌套太深", "the filter is nested too deeply"),
    Say("请去掉一些括号，或分几次查询", "leave out brackets, or ask in several steps"),
    Say("筛选条件不是表达式", "the filter is not an expression"),
    Say("没有函数 `{name}`", "there is no function `{name}`"),
    Say("可用的函数：{names}", "the functions are {names}"),
    Say("筛选条件没有写完", "the filter ends too early"),
    Say("没有名称 `{name}`", "there is no name `{name}`"),
    Say("文本请加引号；属性须先声明", "put a text in quotes; an attribute must be declared"),
    Say(
        '`has` 查的是映射的键；记录中有没有某个名称，请用 `{function}("subject.level")`',
        '`has` asks for the key of a map; whether a name is there tells `{function}("subject.level")`',
    ),
    Say("严重程度取 {names} 之一，不加引号", "a severity is one of {names}, without quotes"),
    Say(
        '时间写作 `timestamp("2026-11-01T00:00:00+08:00")` 或 `now - duration("24h")`',
        'a time is written `timestamp("2026-11-01T00:00:00+08:00")` or `now - duration("24h")`',
    ),
    Say("请把数写成带小数点的，如 `3.0`", "write the number with a decimal point, such as `3.0`"),
    Say("两侧须为同一类型", "both sides must be of one type"),
    # query.py
    Say(
        "与当前的筛选条件和次序不符，或来自另一台服务器；请去掉它，从头查询",
        "does not belong to this filter and order, or to another server; begin again without it",
    ),
    Say("`{name}` 不是 {names} 之一", "`{name}` is none of {names}"),
    Say("不是 1678 至 2262 年之内的时间", "is not a time in the years 1678 to 2262"),
    Say("晚于 `to`，请对调", "is later than `to`; exchange them"),
    # store/sqlite_questions.py, store/postgres_questions.py
    Say("查询已中止", "the question was stopped"),
    # retention.py
    Say("`{days}` 不是保存记录的天数", "`{days}` is no number of days to keep records"),
    Say(
        "`{days}` 少于 `{name}` 类记录必须保存的 {least} 天",
        "`{days}` is below the {least} days that records of class `{name}` must be kept",
    ),
    Say("{why}；请调大，或用 `--allow-shorter` 准许", "{why}; raise it, or allow it with `--allow-shorter`"),
    Say(
        "时钟显示 {date}，但{why}；未删除任何记录{why_not}",
        "the clock says {date}, but {why}; nothing was dropped{why_not}",
    ),
    Say("此前没有任何记录", "there is no record up to now"),
    Say("最新的记录是 {date} 的", "the newest record is of {date}"),
    Say("；若日期无误，请强制执行", "; when the date is right, force it"),
    Say(
        "时钟显示 {date}，但最近 {last} 天之前的 {days} 天没有记录，像是时钟曾经跳变；未删除任何记录{why_not}",
        "the clock says {date}, but there is no record of the {days} days before the last {last}, "
        "as after a jump of the clock; nothing was dropped{why_not}",
    ),
    Say(
        "删除了 {count} 条记录，而非 {wanted} 条：其间又有新的记录写入",
        "{count} records were dropped and not {wanted}: others came in at that moment",
    ),
    Say("{date} 的 {name} 类记录其间有变化，请重新执行", "{name} of {date} has changed meanwhile; run it again"),
    Say("节点 `{node}` 的检查点 {number}：{why}", "checkpoint {number} of node `{node}`: {why}"),
    Say("密钥 `{key}` 不受信任；请添加其节点的公钥", "the key `{key}` is not trusted; add its node's public key"),
    Say("签名不对，请运行 `pdp snapshot verify`", "its signature is wrong; run `pdp snapshot verify`"),
    Say("其记录不属于任何链", "its records belong to no stream"),
)
