"""What libyaml says of a text that is not YAML, which the service passes on as it is."""

from __future__ import annotations

from typing import Final

from admin_gui.domain.say import Say

WORDS: Final[tuple[Say, ...]] = (
    Say("此处不能再写键值", "mapping values are not allowed in this context"),
    Say("此处不能写列表项", "block sequence entries are not allowed in this context"),
    Say("缺少冒号 `:`", "could not find expected ':'"),
    Say("此处应为键", "did not find expected key"),
    Say("此处应为列表项 `-`", "did not find expected '-' indicator"),
    Say("缺少逗号或右括号 `]`", "did not find expected ',' or ']'"),
    Say("缺少逗号或右括号 `}}`", "did not find expected ',' or '}}'"),
    Say("此处缺少内容", "did not find expected node content"),
    Say("此处应开始新的文档（`---`）", "did not find expected <document start>"),
    Say("此处应为注释或换行", "did not find expected comment or line break"),
    Say("此处应为空白", "did not find expected whitespace"),
    Say("此处应为空白或换行", "did not find expected whitespace or line break"),
    Say("此处应为字母或数字", "did not find expected alphabetic or numeric character"),
    Say("此处应为十六进制数字", "did not find expected hexdecimal number"),
    Say("文件在此提前结束", "found unexpected end of stream"),
    Say("此处不应出现文档分隔符", "found unexpected document indicator"),
    Say("此处不应出现冒号", "found unexpected ':'"),
    Say("内容不能以此字符开头", "found character that cannot start any token"),
    Say("缩进中有制表符", "found a tab character that violates indentation"),
    Say("应缩进处有制表符", "found a tab character where an indentation space is expected"),
    Say("没有这种转义", "found unknown escape character"),
    Say("转义不是有效的 Unicode 字符", "found invalid Unicode character escape code"),
    Say("标签的前缀未声明", "found undefined tag handle"),
    Say("指令未知", "found unknown directive name"),
    Say("YAML 版本不受支持", "found incompatible YAML document"),
    Say("含有不允许的控制字符", "control characters are not allowed"),
    Say("键由此处开始", "while scanning a simple key"),
    Say("引号内的文本由此处开始", "while scanning a quoted scalar"),
    Say("文本由此处开始", "while scanning a plain scalar"),
    Say("多行文本由此处开始", "while scanning a block scalar"),
    Say("锚点由此处开始", "while scanning an anchor"),
    Say("别名由此处开始", "while scanning an alias"),
    Say("标签由此处开始", "while scanning a tag"),
    Say("指令由此处开始", "while scanning a directive"),
    Say("内容由此处开始", "while scanning for the next token"),
    Say("映射由此处开始", "while parsing a block mapping"),
    Say("花括号内的映射由此处开始", "while parsing a flow mapping"),
    Say("列表由此处开始", "while parsing a block collection"),
    Say("方括号内的列表由此处开始", "while parsing a flow sequence"),
    Say("此项内容由此处开始", "while parsing a node"),
    Say("此项内容由此处开始", "while parsing a block node"),
    Say("括号内的内容由此处开始", "while parsing a flow node"),
)
