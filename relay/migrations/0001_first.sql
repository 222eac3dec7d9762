-- Times are whole seconds since 1970-01-01 UTC. Serial numbers and ticket numbers come from
-- `counters`, so that they ascend without gaps on every database.

CREATE TABLE counters (
  name TEXT PRIMARY KEY NOT NULL,
  value INTEGER NOT NULL
);
INSERT INTO counters (name, value) VALUES ('ticket', 1000), ('certificate', 0);

-- The node's own few facts: organisation key, organisation name, address of the last start.
CREATE TABLE settings (
  name TEXT PRIMARY KEY NOT NULL,
  value BLOB NOT NULL
);

-- Every signed policy that ever held, so that an old recording's policy can be found again.
CREATE TABLE policies (
  serial INTEGER PRIMARY KEY NOT NULL,
  signed BLOB NOT NULL,
  set_at INTEGER NOT NULL
);

-- One row per enrolled key: a person with two computers has two.
CREATE TABLE technicians (
  serial INTEGER PRIMARY KEY NOT NULL,
  login TEXT NOT NULL,
  name TEXT NOT NULL,
  roles TEXT NOT NULL,
  public_key BLOB NOT NULL UNIQUE,
  certificate BLOB NOT NULL,
  enrolled_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
);
CREATE INDEX technicians_by_login ON technicians (login);

CREATE TABLE invitations (
  secret_sha256 BLOB PRIMARY KEY NOT NULL,
  login TEXT NOT NULL,
  name TEXT NOT NULL,
  roles TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER
);

CREATE TABLE sessions (
  session BLOB PRIMARY KEY NOT NULL,
  ticket TEXT NOT NULL,
  technician TEXT NOT NULL,
  nameplate TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  closed_at INTEGER,
  reason INTEGER NOT NULL DEFAULT 0,
  recording TEXT NOT NULL DEFAULT '',
  bytes INTEGER NOT NULL DEFAULT 0,
  hash BLOB
);
CREATE INDEX sessions_by_time ON sessions (opened_at);

-- Who was handed a recording, and why: written before the first byte leaves.
CREATE TABLE accesses (
  number INTEGER PRIMARY KEY NOT NULL,
  session BLOB NOT NULL,
  login TEXT NOT NULL,
  at INTEGER NOT NULL,
  reason TEXT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('access', 0);

CREATE TABLE tickets (
  number INTEGER PRIMARY KEY NOT NULL,
  subject TEXT NOT NULL,
  requester TEXT NOT NULL,
  contact TEXT NOT NULL,
  description TEXT NOT NULL,
  status INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
);

CREATE TABLE notes (
  ticket INTEGER NOT NULL REFERENCES tickets (number),
  number INTEGER NOT NULL,
  author TEXT NOT NULL,
  at INTEGER NOT NULL,
  text TEXT NOT NULL,
  public INTEGER NOT NULL,
  session BLOB UNIQUE,
  signed BLOB,
  PRIMARY KEY (ticket, number)
);
