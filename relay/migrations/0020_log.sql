-- Which entries of the log of sessions are about which session: an index, made from the log as far
-- as it was read, and made again where it does not fit. `kind`: 1 open, 2 close, 3 access, 4 hold,
-- 5 shred, 0 of a later version. `unclosed` on an OPEN without a CLOSE.
CREATE TABLE leaves (
  number INTEGER PRIMARY KEY NOT NULL,
  session BLOB NOT NULL,
  kind INTEGER NOT NULL,
  unclosed INTEGER NOT NULL
);
CREATE INDEX leaves_by_session ON leaves (session, number);
CREATE INDEX leaves_unclosed ON leaves (number) WHERE unclosed = 1;

-- What for (1 copy, 2 replay, 3 export, 4 verification, 10 hold, 11 release), and the salt with
-- which login and reason are in the log; NULL in rows of before there was one.
ALTER TABLE accesses ADD COLUMN kind INTEGER NOT NULL DEFAULT 1;
ALTER TABLE accesses ADD COLUMN salt BLOB;

-- Kept beyond its time; since when its seals are to be destroyed, in seconds, and whether they are.
ALTER TABLE sessions ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN shredded_at INTEGER;
ALTER TABLE sessions ADD COLUMN shredded INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sessions_sealed ON sessions (closed_at) WHERE shredded = 0 AND recording <> '';
