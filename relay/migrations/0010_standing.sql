-- By which certificate a technician was let into a session, so that it can end with the
-- certificate; when somebody was last here, in seconds, to the minute.
ALTER TABLE sessions ADD COLUMN technician_serial INTEGER;
UPDATE sessions SET technician_serial =
  (SELECT MAX(serial) FROM technicians WHERE technicians.login = sessions.technician)
  WHERE closed_at IS NULL;
ALTER TABLE technicians ADD COLUMN seen_at INTEGER;

-- How a certificate is renewed: 0 by itself, 1 by signing in again, 2 not at all. How long an
-- invitation's certificate is good, in seconds; NULL for the usual time. Whose a certificate by
-- sign-in is: issuer and subject, as the provider names them.
ALTER TABLE technicians ADD COLUMN renewal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE technicians ADD COLUMN subject TEXT;
ALTER TABLE invitations ADD COLUMN valid_seconds INTEGER;

-- Who waits for a certificate while the authority's key is away: the key that asked and what its
-- certificate will say. `invitation` is the SHA-256 of the token's secret, NULL where somebody who is
-- enrolled needs a later end. `certificate` is there once it was signed, until it is fetched.
CREATE TABLE requests (
  serial INTEGER PRIMARY KEY NOT NULL,
  invitation BLOB UNIQUE,
  login TEXT NOT NULL,
  name TEXT NOT NULL,
  roles TEXT NOT NULL,
  public_key BLOB NOT NULL UNIQUE,
  recipient TEXT NOT NULL,
  valid_seconds INTEGER,
  asked_at INTEGER NOT NULL,
  certificate BLOB
);
