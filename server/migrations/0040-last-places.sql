-- From where each session and each credential of a device was used last, on whichever server: one that was copied is used in two places, and
-- is seen to be whichever server either is used on, and after a restart. Kept for an hour; says nothing that a security event does not say.
create table last_places (
  -- `session:` or `credential:` and its id.
  credential text primary key check (length(credential) <= 60),
  network text not null check (length(network) <= 50),
  -- The network before this one, while a move to here is told: null where there is none that counts.
  was text check (length(was) <= 50),
  seen_at timestamptz not null
);
create index last_places_age on last_places (seen_at);
grant select, insert, update, delete on last_places to valtronics_maintenance;
