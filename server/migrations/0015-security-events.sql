-- What happened to security, from every door, and what was concluded from it.

-- The organisation that runs this instance: the first there is. Its administrators see what belongs to no organisation (strangers at the
-- doors, blocked addresses), since they are the ones who can do something about it; administrators of others see their own.
alter table organisations add column operates_instance boolean not null default false;
create unique index organisations_operator on organisations (operates_instance) where operates_instance;
update organisations set operates_instance = true where id = (select min(id) from organisations);

create function first_organisation_operates() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  -- Under the lock of the insert's own unique index: of two first ones at once, one fails and is tried again.
  if not exists (select from organisations) then new.operates_instance := true; end if;
  return new;
end $$;
create trigger first_operates before insert on organisations for each row execute function first_organisation_operates();

-- Whether the organisation of this transaction runs the instance. Row-level security shows it its own row.
create function operates_instance() returns boolean language sql stable as $$
  select exists (select from organisations where id = current_organisation() and operates_instance) $$;

create table security_events (
  -- In the order of commits: whoever inserts holds the lock of `insert_security_events`, so a reader that remembers the last position it
  -- saw misses nothing that commits later.
  position bigint generated always as identity primary key,
  id uuid not null,
  at timestamptz not null,
  organisation_id integer references organisations,
  category text not null check (category in ('authentication', 'authorization', 'data_access', 'incident', 'configuration')),
  action text not null check (length(action) between 1 and 80),
  outcome text not null check (outcome in ('success', 'failure', 'unknown')),
  level text not null check (level in ('info', 'warning', 'error', 'critical')),
  transport text not null check (transport in ('http', 'mqtt', 'websocket', 'cli', 'system')),
  source_address inet,
  user_id text check (length(user_id) <= 80),
  user_label text check (length(user_label) <= 254),
  device_id uuid,
  method text check (length(method) <= 10),
  -- As declared in the contract; for what is declared nowhere, the path that was asked for.
  route text check (length(route) <= 300),
  status integer,
  request_id text check (length(request_id) <= 80),
  -- Why, by a public name: the code of a problem, the id of a scenario or of a signature.
  reason text check (length(reason) <= 80),
  -- How many there were of it, under a flood.
  count integer not null default 1 check (count > 0),
  details jsonb not null default '{}' check (length(details::text) <= 8192)
);
create unique index security_events_id on security_events (id);
create index security_events_time on security_events (organisation_id, at desc, position desc);
create index security_events_action on security_events (action, at desc);
create index security_events_address on security_events (source_address, at desc) where source_address is not null;
create index security_events_user on security_events (user_id, at desc) where user_id is not null;
create index security_events_device on security_events (device_id, at desc) where device_id is not null;
alter table security_events enable row level security;
create policy append on security_events for insert to valtronics_server with check (true);
create policy read_own on security_events for select to valtronics_server
  using (organisation_id = current_organisation() or (organisation_id is null and operates_instance()));
create policy across_organisations on security_events to valtronics_maintenance using (true) with check (true);
grant select, insert on security_events to valtronics_server, valtronics_maintenance;
grant delete on security_events to valtronics_maintenance;

create table detections (
  id uuid primary key,
  at timestamptz not null,
  organisation_id integer references organisations,
  scenario text not null check (length(scenario) between 1 and 80),
  severity text not null check (severity in ('low', 'medium', 'high', 'critical')),
  technique text check (length(technique) <= 20),
  scope text not null check (scope in ('ip', 'range', 'user', 'device', 'organisation', 'instance')),
  subject text not null check (length(subject) between 1 and 200),
  first_at timestamptz not null,
  last_at timestamptz not null,
  count integer not null check (count > 0),
  events uuid[] not null check (cardinality(events) <= 50),
  simulated boolean not null default false,
  -- Once the decision and the incident that follow from it stand.
  answered_at timestamptz
);
create index detections_time on detections (organisation_id, at desc, id desc);
create index detections_subject on detections (scope, subject, at desc);
create index detections_unanswered on detections (at) where answered_at is null;
alter table detections enable row level security;
create policy read_own on detections for select to valtronics_server
  using (organisation_id = current_organisation() or (organisation_id is null and operates_instance()));
create policy across_organisations on detections to valtronics_maintenance using (true) with check (true);
grant select on detections to valtronics_server;
grant select, insert, update (answered_at), delete on detections to valtronics_maintenance;
