package dev.jingxi.client;

import java.util.Objects;

/** A text for people in Chinese and English; either may be empty. */
public final class Text {
    private final String zh;
    private final String en;

    /**
     * Makes it; lists and maps are copied.
     *
     * @param zh the Chinese text
     * @param en the English text
     */
    public Text(String zh, String en) {
        this.zh = zh;
        this.en = en;
    }

    /** {@return the Chinese text} */
    public String zh() {
        return zh;
    }

    /** {@return the English text} */
    public String en() {
        return en;
    }

    /** A text that is empty in both languages. */
    public static final Text EMPTY = new Text("", "");

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof Text)) {
            return false;
        }
        Text that = (Text) other;
        return zh.equals(that.zh)
                && en.equals(that.en);
    }

    @Override
    public int hashCode() {
        return Objects.hash(zh, en);
    }

    @Override
    public String toString() {
        return "Text[" + "zh=" + zh + ", " + "en=" + en + "]";
    }
}
