package dev.jingxi.client.internal.masks;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.bouncycastle.crypto.fpe.FPEFF1Engine;
import org.bouncycastle.crypto.params.FPEParameters;
import org.bouncycastle.crypto.params.KeyParameter;
import org.bouncycastle.util.encoders.Hex;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The samples that NIST publishes for FF1 with SP 800-38G. */
class FormatPreservingTest {
    private static final String ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";
    private static final String KEY = "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94";

    @ParameterizedTest
    @CsvSource({
        "16, 10, '', 0123456789, 2433477484",
        "16, 10, 39383736353433323130, 0123456789, 6124200773",
        "16, 36, 3737373770717273373737, 0123456789abcdefghi, a9tv40mll9kdu509eum",
        "24, 10, '', 0123456789, 2830668132",
        "24, 10, 39383736353433323130, 0123456789, 2496655549",
        "24, 36, 3737373770717273373737, 0123456789abcdefghi, xbj3kv35jrawxv32ysr",
        "32, 10, '', 0123456789, 6657667009",
        "32, 10, 39383736353433323130, 0123456789, 1001623463",
        "32, 36, 3737373770717273373737, 0123456789abcdefghi, xs8a0azh2avyalyzuwd",
    })
    void samples(int bytes, int radix, String tweak, String plain, String expected) {
        String key = bytes == 32 ? KEY : bytes == 24 ? KEY.substring(0, 48) : KEY.substring(0, 32);
        FPEFF1Engine engine = new FPEFF1Engine();
        engine.init(true, new FPEParameters(new KeyParameter(Hex.decode(key)), radix, Hex.decode(tweak)));
        byte[] digits = new byte[plain.length()];
        for (int i = 0; i < digits.length; i++) {
            digits[i] = (byte) ALPHABET.indexOf(plain.charAt(i));
        }
        byte[] out = new byte[digits.length];
        engine.processBlock(digits, 0, digits.length, out, 0);
        StringBuilder shown = new StringBuilder();
        for (byte digit : out) {
            shown.append(ALPHABET.charAt(digit));
        }
        assertEquals(expected, shown.toString());
    }
}
