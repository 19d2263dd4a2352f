"""Tables, roles and guards of the PostgreSQL store.

Who may do what: the owner, who runs `install`, creates; `writer` adds records and moves watermarks forward; `auditor`
reads; `maintainer` ends whole partitions and keeps the holds. Nobody changes or deletes a record, the owner included: a
trigger refuses it, and only `drop_part` gets past by dropping the table as a whole. A superuser can undo all of
this; against that there are the chains and the signed checkpoints that are kept elsewhere.
"""

# ruff: noqa: S608 - only our own names stand in the texts of SQL

from __future__ import annotations

from typing import Final

LOCK: Final = 0x6A696E67
"""The advisory lock (`jing`) behind which partitions are created and dropped, and the schema is brought up to date."""

COLUMNS: Final = """
  retention text COLLATE "C" NOT NULL,
  day integer NOT NULL,
  position bigint NOT NULL,
  time bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  severity integer NOT NULL,
  subject_id text COLLATE "C" NOT NULL,
  caller text COLLATE "C" NOT NULL,
  resource_key text COLLATE "C" NOT NULL,
  mark_a bigint NOT NULL,
  mark_b bigint NOT NULL,
  facts text COLLATE "C" NOT NULL,
  body bytea NOT NULL,
  chain bytea NOT NULL
"""

_TABLES: Final = f"""
CREATE TABLE jingxi.streams (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  node text COLLATE "C" NOT NULL,
  boot text COLLATE "C" NOT NULL,
  retention text COLLATE "C" NOT NULL,
  day integer NOT NULL,
  count bigint NOT NULL,
  chain bytea NOT NULL,
  peaks bytea NOT NULL,
  closed boolean NOT NULL,
  checkpoint bigint,
  dropped_at bigint,
  dropped_by text,
  UNIQUE (node, boot, retention, day)
) WITH (fillfactor = 50);
CREATE INDEX ON jingxi.streams (retention, day);

CREATE TABLE jingxi.parts (
  retention text COLLATE "C" NOT NULL,
  day integer NOT NULL,
  records bigint NOT NULL,
  low bigint NOT NULL,
  high bigint NOT NULL,
  PRIMARY KEY (retention, day)
) WITH (fillfactor = 50);

CREATE TABLE jingxi.records ({COLUMNS}) PARTITION BY RANGE (retention, day);

CREATE TABLE jingxi.checkpoints (
  node text COLLATE "C" NOT NULL,
  number bigint NOT NULL,
  time bigint NOT NULL,
  signed bytea NOT NULL,
  PRIMARY KEY (node, number)
);
CREATE INDEX ON jingxi.checkpoints (node, time);

CREATE TABLE jingxi.bundles (hash text COLLATE "C" PRIMARY KEY, revision bigint NOT NULL, signed bytea NOT NULL);

CREATE TABLE jingxi.holds (
  id text COLLATE "C" PRIMARY KEY,
  first_day integer NOT NULL,
  last_day integer NOT NULL,
  reason text NOT NULL,
  by text NOT NULL,
  at_nanos bigint NOT NULL
);
"""

_GUARDS: Final = """
CREATE FUNCTION jingxi.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: records are never changed', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION jingxi.forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.number, NEW.node, NEW.boot, NEW.retention, NEW.day) IS DISTINCT FROM
     (OLD.number, OLD.node, OLD.boot, OLD.retention, OLD.day)
     OR NEW.count < OLD.count
     OR (OLD.closed AND (NEW.count, NEW.chain, NEW.peaks, NEW.closed) IS DISTINCT FROM
                        (OLD.count, OLD.chain, OLD.peaks, OLD.closed))
     OR (OLD.checkpoint IS NOT NULL AND NEW.checkpoint IS DISTINCT FROM OLD.checkpoint)
     OR (OLD.dropped_at IS NOT NULL AND (NEW.dropped_at, NEW.dropped_by) IS DISTINCT FROM
                                        (OLD.dropped_at, OLD.dropped_by)) THEN
    RAISE EXCEPTION 'a stream never goes back' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER forward BEFORE UPDATE ON jingxi.streams FOR EACH ROW EXECUTE FUNCTION jingxi.forward();
CREATE TRIGGER refuse BEFORE DELETE OR TRUNCATE ON jingxi.streams
  FOR EACH STATEMENT EXECUTE FUNCTION jingxi.refuse();
CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON jingxi.records
  FOR EACH STATEMENT EXECUTE FUNCTION jingxi.refuse();
CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON jingxi.checkpoints
  FOR EACH STATEMENT EXECUTE FUNCTION jingxi.refuse();
CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON jingxi.bundles
  FOR EACH STATEMENT EXECUTE FUNCTION jingxi.refuse();
"""

_PART_NAME: Final = """
CREATE FUNCTION jingxi.part_name(retention text, day integer) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF retention NOT IN ('short', 'medium', 'long') THEN
    RAISE EXCEPTION 'there is no retention class of this name';
  END IF;
  RETURN format('records_%s_%s', retention, day);
END $$;
"""

_CREATE_PART: Final = f"""
CREATE OR REPLACE FUNCTION jingxi.create_part(
  in_retention text, in_day integer, writer text, auditor text, maintainer text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  plain text := jingxi.part_name(in_retention, in_day);
BEGIN
  PERFORM pg_advisory_xact_lock({LOCK});
  IF to_regclass(format('jingxi.%I', plain)) IS NOT NULL THEN
    RETURN;
  END IF;
  -- Attached afterwards: that keeps neither readers nor writers of other partitions waiting.
  EXECUTE format('CREATE TABLE jingxi.%I ({COLUMNS})', plain);
  -- A row of more than 2 kB is compressed; as the server does it by itself, taking it in costs twice the time.
  IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
    EXECUTE format('ALTER TABLE jingxi.%I ALTER COLUMN facts SET COMPRESSION lz4, '
                   'ALTER COLUMN body SET COMPRESSION lz4', plain);
  END IF;
  EXECUTE format('CREATE UNIQUE INDEX %I ON jingxi.%I (position)', plain || '_position', plain);
  -- With the marks, so that it tells which records are worth a look without reading them.
  EXECUTE format('CREATE INDEX %I ON jingxi.%I (time) INCLUDE (position, mark_a, mark_b)', plain || '_time', plain);
  EXECUTE format('CREATE INDEX %I ON jingxi.%I (id)', plain || '_id', plain);
  EXECUTE format('CREATE INDEX %I ON jingxi.%I (subject_id, time)', plain || '_subject', plain);
  EXECUTE format('CREATE INDEX %I ON jingxi.%I (resource_key, time)', plain || '_resource', plain);
  EXECUTE format('CREATE INDEX %I ON jingxi.%I (time) WHERE severity >= 2', plain || '_flagged', plain);
  EXECUTE format('CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON jingxi.%I '
                 'FOR EACH STATEMENT EXECUTE FUNCTION jingxi.refuse()', plain);
  EXECUTE format('REVOKE ALL ON jingxi.%I FROM PUBLIC', plain);
  EXECUTE format('GRANT INSERT ON jingxi.%I TO %I', plain, writer);
  EXECUTE format('GRANT SELECT ON jingxi.%I TO %I, %I', plain, auditor, maintainer);
  EXECUTE format('ALTER TABLE jingxi.records ATTACH PARTITION jingxi.%I FOR VALUES FROM (%L, %s) TO (%L, %s)',
                 plain, in_retention, in_day, in_retention, in_day + 1);
  INSERT INTO jingxi.parts VALUES (in_retention, in_day, 0, 9223372036854775807, -9223372036854775808);
END $$;
"""

_DROP_PART: Final = f"""
CREATE FUNCTION jingxi.drop_part(in_retention text, in_day integer, in_by text, in_at bigint)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  plain text := jingxi.part_name(in_retention, in_day);
  found bigint;
BEGIN
  PERFORM pg_advisory_xact_lock({LOCK});
  IF EXISTS (SELECT FROM jingxi.holds WHERE in_day BETWEEN first_day AND last_day) THEN
    RAISE EXCEPTION 'the day is under a hold';
  END IF;
  EXECUTE format('LOCK TABLE jingxi.%I IN ACCESS EXCLUSIVE MODE', plain);
  IF EXISTS (SELECT FROM jingxi.streams WHERE retention = in_retention AND day = in_day AND dropped_at IS NULL
             AND count > 0 AND (NOT closed OR checkpoint IS NULL)) THEN
    RAISE EXCEPTION 'a stream of the partition is not closed by a checkpoint';
  END IF;
  DELETE FROM jingxi.parts WHERE retention = in_retention AND day = in_day RETURNING records INTO found;
  UPDATE jingxi.streams SET dropped_at = in_at, dropped_by = in_by
    WHERE retention = in_retention AND day = in_day AND dropped_at IS NULL;
  EXECUTE format('DROP TABLE jingxi.%I', plain);
  RETURN found;
END $$;
"""

VERSIONS: Final = (_TABLES + _GUARDS + _PART_NAME + _CREATE_PART + _DROP_PART, _CREATE_PART)
"""What brings the schema from each version to the next, from 0; the second compresses new partitions otherwise."""

RIGHTS: Final = """
CREATE OR REPLACE FUNCTION jingxi.ensure_part(in_retention text, in_day integer)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
  $$ SELECT jingxi.create_part(in_retention, in_day, {writer_text}, {auditor_text}, {maintainer_text}) $$;

REVOKE ALL ON SCHEMA jingxi FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA jingxi FROM PUBLIC, {writer}, {auditor}, {maintainer};
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA jingxi FROM PUBLIC, {writer}, {auditor}, {maintainer};
GRANT USAGE ON SCHEMA jingxi TO {writer}, {auditor}, {maintainer};

GRANT SELECT, INSERT ON jingxi.streams TO {writer};
GRANT UPDATE (count, chain, peaks, closed, checkpoint) ON jingxi.streams TO {writer};
GRANT SELECT ON jingxi.parts TO {writer};
GRANT UPDATE (records, low, high) ON jingxi.parts TO {writer};
GRANT SELECT, INSERT ON jingxi.checkpoints, jingxi.bundles TO {writer};
GRANT INSERT ON jingxi.records TO {writer};
GRANT EXECUTE ON FUNCTION jingxi.ensure_part(text, integer) TO {writer};

GRANT SELECT ON jingxi.streams, jingxi.parts, jingxi.records, jingxi.checkpoints, jingxi.bundles, jingxi.holds,
  jingxi.version TO {auditor}, {maintainer};
GRANT SELECT ON jingxi.version TO {writer};

GRANT INSERT, DELETE ON jingxi.holds TO {maintainer};
GRANT EXECUTE ON FUNCTION jingxi.drop_part(text, integer, text, bigint) TO {maintainer};
"""
"""Rights by role, written anew by every `install`; the rights on a partition come with it."""
