package dev.jingxi.client.internal.messages;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A path without {@code [*]}: a member of one of the objects of its part, or what the part's paths start at. */
final class Member {
    final Path path;
    /** The number of the object that holds it; -1 for the start itself. */
    final int holder;
    final Object key;
    /** Where it is when the part is the message itself. */
    final Place inMessage;

    private Member(Path path, int holder, Object key, Place inMessage) {
        this.path = path;
        this.holder = holder;
        this.key = key;
        this.inMessage = inMessage;
    }

    /** The objects that the paths of one part lead to, each once. */
    static final class Holders {
        private final Map<List<Object>, Integer> numbers = new HashMap<>();
        /** Where they are when the part is the message itself. INVARIANT: members of one object have one place as parent. */
        private final List<Place> inMessage = new ArrayList<>();

        int count() {
            return inMessage.size();
        }

        /** Returns a path as a member; null for one that may lead to many places. */
        Member member(Path path) {
            if (path.isMany()) {
                return null;
            }
            if (path.isStart()) {
                return new Member(path, -1, null, Place.ROOT);
            }
            int number = numbers.computeIfAbsent(path.holderSteps(), steps -> {
                inMessage.add(path.holderPlace(Place.ROOT));
                return inMessage.size() - 1;
            });
            return new Member(path, number, path.last(), inMessage.get(number).child(path.last()));
        }
    }
}
