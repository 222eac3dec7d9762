-- What a session needs so that its ends can come back, also to a relay that was killed meanwhile:
-- keys (Ed25519), hash of the pairing's transcript, tokens that say which session is meant, serial
-- of the policy in force when it began. NULL in sessions of before.
ALTER TABLE sessions ADD COLUMN agent_key BLOB;
ALTER TABLE sessions ADD COLUMN technician_key BLOB;
ALTER TABLE sessions ADD COLUMN agent_token BLOB;
ALTER TABLE sessions ADD COLUMN technician_token BLOB;
ALTER TABLE sessions ADD COLUMN transcript BLOB;
ALTER TABLE sessions ADD COLUMN policy INTEGER;
CREATE UNIQUE INDEX sessions_by_agent_token ON sessions (agent_token);
CREATE UNIQUE INDEX sessions_by_technician_token ON sessions (technician_token);
CREATE INDEX sessions_unfinished ON sessions (opened_at) WHERE closed_at IS NULL;

-- Every line of a session, with the labels that were given out for it. The highest number is the
-- line of the moment.
CREATE TABLE lines (
  session BLOB NOT NULL REFERENCES sessions (session),
  number INTEGER NOT NULL,
  agent_label BLOB NOT NULL,
  technician_label BLOB NOT NULL,
  PRIMARY KEY (session, number)
);
