package dev.jingxi.client.internal;

import dev.jingxi.client.internal.messages.MappedMessage;
import dev.jingxi.client.internal.state.StateFolder;
import dev.jingxi.pdp.v1.GetMessageMapResponse;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The message maps seen so far: of each message a few versions, the latest last; the latest also in the state folder. */
final class MessageMaps {
    /** Nodes may answer by different policy sets during a rollout. */
    private static final int KEPT = 8;

    private final Map<String, Deque<MappedMessage>> kept = new ConcurrentHashMap<>();
    private final StateFolder folder;

    /** `folder` may be null. */
    MessageMaps(StateFolder folder) {
        this.folder = folder;
    }

    /** Returns the latest map that this process has seen; null for none. */
    MappedMessage latest(String application, String name) {
        Deque<MappedMessage> versions = versions(application, name);
        synchronized (versions) {
            return versions.peekLast();
        }
    }

    /** Returns the latest map, of an earlier process too; null for none. */
    MappedMessage latestKept(String application, String name) {
        MappedMessage known = latest(application, name);
        if (known != null || folder == null) {
            return known;
        }
        GetMessageMapResponse found = folder.map(application, name);
        return found == null ? null : new MappedMessage(found);
    }

    /** Returns the map of a policy set; null for one that was not seen. */
    MappedMessage get(String application, String name, String policyHash) {
        Deque<MappedMessage> versions = versions(application, name);
        synchronized (versions) {
            return versions.stream().filter(map -> map.policyHash().equals(policyHash)).findFirst().orElse(null);
        }
    }

    void keep(String application, String name, MappedMessage map) {
        Deque<MappedMessage> versions = versions(application, name);
        boolean changed;
        synchronized (versions) {
            MappedMessage last = versions.peekLast();
            changed = last == null || !last.source().equals(map.source());
            versions.removeIf(known -> known.policyHash().equals(map.policyHash()));
            versions.addLast(map);
            while (versions.size() > KEPT) {
                versions.removeFirst();
            }
        }
        if (changed && folder != null) {
            folder.keepMap(application, name, map.source());
        }
    }

    private Deque<MappedMessage> versions(String application, String name) {
        return kept.computeIfAbsent(application + "\0" + name, key -> new ArrayDeque<>());
    }
}
