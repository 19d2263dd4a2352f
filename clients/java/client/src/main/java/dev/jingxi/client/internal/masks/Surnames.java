package dev.jingxi.client.internal.masks;

import java.util.Arrays;

/** Compound surnames, a part of the definition of the `name` mask: every language has the same. */
final class Surnames {
    private static final long[] COMPOUND = words(
            "万俟 司马 上官 欧阳 夏侯 诸葛 闻人 东方 赫连 皇甫 尉迟 公羊 澹台 公冶 宗政 濮阳 淳于 单于 太叔 申屠",
            "公孙 仲孙 轩辕 令狐 钟离 宇文 长孙 慕容 鲜于 闾丘 司徒 司空 亓官 司寇 子车 颛孙 端木 巫马 公西 漆雕",
            "乐正 壤驷 公良 拓跋 夹谷 宰父 谷梁 段干 百里 东郭 南门 呼延 羊舌 微生 梁丘 左丘 东门 西门 南宫 第五",
            "独孤 太史 仲长 即墨 达奚 褚师",
            "萬俟 司馬 歐陽 諸葛 聞人 東方 赫連 尉遲 澹臺 濮陽 單于 公孫 仲孫 軒轅 鍾離 鐘離 長孫 鮮于 閭丘 子車 顓孫",
            "巫馬 樂正 壤駟 夾谷 穀梁 段干 東郭 南門 梁丘 東門 西門 南宮 獨孤 仲長 達奚 褚師");

    private Surnames() {}

    static boolean isCompound(int first, int second) {
        return Arrays.binarySearch(COMPOUND, pair(first, second)) >= 0;
    }

    private static long pair(int first, int second) {
        return (long) first << Integer.SIZE | second;
    }

    /** Returns the pairs of code points that words are, in order. */
    private static long[] words(String... lines) {
        return Arrays.stream(lines).flatMap(line -> Arrays.stream(line.split(" "))).map(Codes::of)
                .mapToLong(word -> pair(word[0], word[1])).sorted().toArray();
    }
}
