"""What the check of masks finds (`pdp/masks`)."""

from __future__ import annotations

from typing import Final

from admin_gui.domain.say import Say

WORDS: Final[tuple[Say, ...]] = (
    # algorithms.py
    Say("`prefix` 和 `suffix` 都是 0", "`prefix` and `suffix` are both 0"),
    Say(
        "请给出 `prefix`、`suffix` 或两者；什么都不显示请用算法 `full`",
        "give `prefix`, `suffix` or both; to show nothing use the algorithm `full`",
    ),
    Say("`to` 为 `{last}`，在 `from` 的 `{first}` 之前", "`to` is `{last}`, before `from`, which is `{first}`"),
    Say(
        "请给出显示的最后一个字符，从 1 数起，`to` 也显示",
        "give the last character shown, counted from 1; `to` is included",
    ),
    Say("`edges` 不是递增的", "`edges` do not rise"),
    Say("请把每个下界写一次，从小到大", "write each edge once, the smallest first"),
    Say("`labels` 有 {count} 项", "`labels` has {count} items"),
    Say(
        "{edges} 个下界分出 {ranges} 个区间，请从低到高为每个区间命名",
        "{edges} edges make {ranges} ranges; give each a label, the lowest first",
    ),
    Say("`unit` 为 `{value}`，须大于 0", "`unit` is `{value}`, which is not above 0"),
    Say('请用小数，如 `"1000"`', 'use a decimal such as `"1000"`'),
    Say("`template` 用到 `${group}`，模式中没有这一组", "`template` uses `${group}`, which the pattern does not have"),
    Say("组写作 `(…)`；模式中有 {count} 组", "groups are written `(…)`; the pattern has {count}"),
    # What must be given.
    Say("密钥编号", "id of the key"),
    Say("分界文字（保留）", "the text that divides; it stays"),
    Say("显示的第一个字符，从 1 数起", "first character shown, from 1"),
    Say("显示的最后一个字符", "last character shown"),
    Say("各区间的下界，递增", "where ranges begin, rising"),
    Say("与整个值匹配的 RE2 模式", "RE2 pattern for the whole value"),
    Say("匹配时的结果，`$1` 为第一组", "the result, `$1` for the first group"),
    # catalogue.py
    Say("没有算法 `{name}`", "unknown algorithm `{name}`"),
    Say("请取其一：{names}；是否想写 `{name}`", "use one of {names}; did you mean `{name}`?"),
    Say("`{algorithm}` 缺少参数 `{name}`", "`{algorithm}` needs `{name}`"),
    Say("请给出：{why}", "give {why}"),
    Say("`{algorithm}` 没有参数 `{name}`", "`{algorithm}` has no parameter `{name}`"),
    Say("可用的参数：{names}", "it takes {names}"),
    Say("可用的参数：{names}；是否想写 `{name}`", "it takes {names}; did you mean `{name}`?"),
    Say("它没有参数", "it takes none"),
    # parameters.py
    Say("`{name}` 为 `{value}`，{why}", "`{name}` is `{value}`, which {why}"),
    Say("不是整数", "is not a whole number"),
    Say("超出范围", "is out of range"),
    Say("不是列表", "is not a list"),
    Say("不是文本", "is not a text"),
    Say("不是可取的值", "is not one of its values"),
    Say("不符合写法", "does not have the form it needs"),
    Say("请用 {least} 至 {most} 之间的整数", "use a whole number from {least} to {most}"),
    Say("请把各项写在 `[…]` 中", "write the items in `[…]`"),
    Say("`{name}` 有 {count} 项", "`{name}` has {count} items"),
    Say("请给出 {least} 至 {most} 项，或不写 `{name}`", "give {least} to {most} items, or leave `{name}` out"),
    Say("`{name}` 有 {count} 个字符", "`{name}` has {count} characters"),
    Say("请用 {least} 至 {most} 个字符", "use {least} to {most} characters"),
    Say("请用：{why}", "use {why}"),
    Say("请取其一：{names}", "use one of {names}"),
    Say("请加引号，写成：{why}", "write {why}, in quotes"),
    Say("请加引号，取其一：{names}", "write one of {names}, in quotes"),
    Say("不含控制字符的文本", "a text without control characters"),
    Say("一个可见且不是数字的字符", "one character that can be seen and is no digit"),
    Say(
        '小数，如 `"0.5"`，小数点前至多 18 位、后至多 8 位',
        'a decimal such as `"0.5"`, with at most 18 digits before and 8 after the point',
    ),
    Say(
        "RE2 模式，不含标志、断言和 `\\d` 之类的字符类（写作 `[0-9]`）",
        "an RE2 pattern without flags, assertions and classes such as `\\d` (write `[0-9]`)",
    ),
    Say(
        "文本，以 `$1` 至 `$9` 代表模式的各组，以 `$$` 代表美元符号",
        "a text with `$1` to `$9` for the pattern's groups and `$$` for a dollar sign",
    ),
    Say(
        "字母、数字、`_`、`.` 和 `-`，以字母或数字开头",
        "letters, digits, `_`, `.` and `-`, beginning with a letter or digit",
    ),
)
