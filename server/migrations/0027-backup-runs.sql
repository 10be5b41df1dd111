-- What was done about backups: made, looked at, tried out. It is the instance's, so it belongs to no organisation.
create table backup_runs (
  -- In the order they were begun, whatever the clock says.
  number bigint generated always as identity primary key,
  kind text not null check (kind in ('create', 'verify', 'drill')),
  place text not null check (length(place) <= 500),
  -- Its name; null until a new one is complete.
  backup text check (length(backup) <= 100),
  -- By the server's own schedule, or by somebody at the machine.
  scheduled boolean not null,
  started_at timestamptz not null,
  -- Whoever is at it says so every few seconds, and how many bytes of rows it has done.
  seen_at timestamptz not null,
  bytes bigint not null default 0 check (bytes >= 0),
  ended_at timestamptz,
  outcome text check (outcome in ('done', 'failed')),
  fault text check (length(fault) <= 1000),
  -- What the manifest, or the report of the drill says.
  details jsonb not null default '{}',
  -- Of one that was made: when it was thrown away.
  deleted_at timestamptz,
  check ((ended_at is null) = (outcome is null))
);
create index backup_runs_kind on backup_runs (kind, number desc);
create index backup_runs_backup on backup_runs (backup, kind, number desc) where backup is not null;
alter table backup_runs enable row level security;
create policy of_the_instance on backup_runs for select to valtronics_server using (operates_instance());
create policy across_organisations on backup_runs to valtronics_maintenance using (true) with check (true);
grant select on backup_runs to valtronics_server;
grant select, insert, update, delete on backup_runs to valtronics_maintenance;
