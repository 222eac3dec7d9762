-- The files line of a session whose policy says hash-only, with the labels that were given out for it:
-- a relay that was killed forwards it again under the same. One for each session, the last.
CREATE TABLE files_lines (
  session BLOB PRIMARY KEY REFERENCES sessions (session),
  line INTEGER NOT NULL,
  number INTEGER NOT NULL,
  agent_label BLOB NOT NULL,
  technician_label BLOB NOT NULL
);
