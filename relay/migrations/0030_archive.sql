-- Where a finished recording is: 0 in the relay's folder (an object of it, where there is one, is out
-- of date), 1 in the archive too, checked, 2 in the archive alone.
ALTER TABLE sessions ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sessions_to_archive ON sessions (closed_at, session) WHERE place < 2 AND recording <> '';

-- Uploads in parts that have no end: what a kill leaves behind, and the next start aborts.
CREATE TABLE uploads (
  upload TEXT PRIMARY KEY NOT NULL,
  recording TEXT NOT NULL
);
