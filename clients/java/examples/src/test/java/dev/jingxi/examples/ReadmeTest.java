package dev.jingxi.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the README shows compiles against what is built. */
class ReadmeTest {
    private static final Path README = Path.of("../README.md");
    private static final String BEFORE = """
            import dev.jingxi.client.*;
            import dev.jingxi.client.offline.OfflineClient;
            import java.nio.file.Path;
            abstract class Shown {
                interface Pager { void tell(Object kind, String text); }
                Pager pager;
                Path roots;
                Path token;
                abstract void show(Object message);
            """;

    @Test
    void javaBlocksCompile(@TempDir Path out) throws IOException {
        Matcher blocks = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(README));
        List<String> members = new ArrayList<>();
        while (blocks.find()) {
            String block = blocks.group(1);
            members.add(block.startsWith("class ") ? "static " + block : "void block" + members.size() + "(Object message) {" + block + "}");
        }
        assertEquals(3, members.size());
        String source = BEFORE + String.join("\n", members) + "}";
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StringWriter said = new StringWriter();
        boolean compiled = compiler.getTask(said, null, null, List.of("-d", out.toString(), "-proc:none"), null, List.of(
                new SimpleJavaFileObject(URI.create("string:///Shown.java"), SimpleJavaFileObject.Kind.SOURCE) {
                    @Override
                    public CharSequence getCharContent(boolean ignoreErrors) {
                        return source;
                    }
                })).call();
        assertTrue(compiled, said.toString());
    }

    @Test
    void everyPropertyOfTheStarterIsThere() throws IOException {
        String text = Files.readString(README);
        for (var component : dev.jingxi.client.spring.JingxiProperties.class.getRecordComponents()) {
            String name = component.getName().replaceAll("([A-Z])", "-$1").toLowerCase(java.util.Locale.ROOT);
            assertTrue(text.contains("jingxi." + name), name);
        }
    }
}
