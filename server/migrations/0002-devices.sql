-- Devices, their credentials, commands and events; persons measured and when a device measured whom.

create table devices (
  id uuid primary key,
  organisation_id integer not null references organisations,
  owner_id uuid references users on delete set null,
  name text not null check (length(name) between 1 and 120),
  type text not null check (length(type) <= 64),
  status text not null default 'offline' check (status in ('online', 'offline', 'error', 'maintenance')),
  status_since timestamptz not null default now(),
  location text check (length(location) <= 120),
  serial text check (length(serial) <= 120),
  description text check (length(description) <= 2000),
  health boolean not null default false,
  silence_timeout_seconds integer not null default 120 check (silence_timeout_seconds between 5 and 604800),
  metadata jsonb not null default '{}',
  last_seen_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
) with (fillfactor = 70);
-- None on last_seen_at: it is written up to once a second for each device, and stays a heap-only update this way.
create index devices_name on devices (organisation_id, lower(name), id);
create index devices_type on devices (organisation_id, type);
create index devices_online on devices (id) where status = 'online';
call own_by_organisation('devices');
grant select, insert, update, delete on devices to valtronics_server;
grant select, update (status, status_since, last_seen_at) on devices to valtronics_maintenance;

create table device_credentials (
  id uuid primary key,
  organisation_id integer not null references organisations,
  device_id uuid not null references devices on delete cascade,
  label text check (length(label) <= 120),
  token_hash bytea not null unique check (length(token_hash) = 32),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);
create index device_credentials_device on device_credentials (device_id);
call own_by_organisation('device_credentials');
grant select, insert, update on device_credentials to valtronics_server;
grant select, update (last_used_at) on device_credentials to valtronics_maintenance;

create table device_commands (
  id uuid primary key,
  organisation_id integer not null references organisations,
  device_id uuid not null references devices on delete cascade,
  name text not null check (length(name) <= 64),
  payload jsonb,
  status text not null check (status in ('pending', 'sent', 'acknowledged', 'failed', 'timed_out')),
  response jsonb,
  created_by uuid references users on delete set null,
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  finished_at timestamptz,
  timeout_seconds integer not null check (timeout_seconds between 1 and 86400)
);
create index device_commands_device on device_commands (device_id, created_at desc, id desc);
create index device_commands_open on device_commands (created_at) where status in ('pending', 'sent');
call own_by_organisation('device_commands');
grant select, insert, update on device_commands to valtronics_server;
grant select, delete, update (status, finished_at) on device_commands to valtronics_maintenance;

create table device_events (
  id uuid primary key,
  organisation_id integer not null references organisations,
  device_id uuid not null references devices on delete cascade,
  at timestamptz not null default now(),
  kind text not null check (kind in ('status')),
  status text not null check (status in ('online', 'offline', 'error', 'maintenance')),
  reason text not null check (length(reason) <= 200)
);
create index device_events_device on device_events (device_id, at desc, id desc);
call own_by_organisation('device_events');
grant select, insert on device_events to valtronics_server;
grant select, insert, delete on device_events to valtronics_maintenance;

create table subjects (
  id uuid primary key,
  organisation_id integer not null references organisations,
  reference text not null check (length(reference) <= 120),
  name text check (length(name) <= 120),
  created_at timestamptz not null default now(),
  unique (organisation_id, reference)
);
call own_by_organisation('subjects');
grant select, insert, update, delete on subjects to valtronics_server;

-- Whom a device measured, and when; two persons never at once.
create extension if not exists btree_gist;
create table subject_assignments (
  id uuid primary key,
  organisation_id integer not null references organisations,
  subject_id uuid not null references subjects on delete cascade,
  device_id uuid not null references devices on delete cascade,
  during tstzrange not null check (not isempty(during)),
  exclude using gist (device_id with =, during with &&)
);
create index subject_assignments_subject on subject_assignments (subject_id);
call own_by_organisation('subject_assignments');
grant select, insert, update, delete on subject_assignments to valtronics_server;

create function find_device_credential(wanted_hash bytea)
  returns table (credential_id uuid, device_id uuid, organisation_id integer, device_type text, expires_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as $$
  select c.id, c.device_id, c.organisation_id, d.type, c.expires_at
  from device_credentials c join devices d on d.id = c.device_id
  where c.token_hash = wanted_hash and c.revoked_at is null $$;
revoke execute on function find_device_credential(bytea) from public;
grant execute on function find_device_credential(bytea) to valtronics_server;
