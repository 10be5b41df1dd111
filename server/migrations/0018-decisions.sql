-- Decisions on addresses, ranges, people and devices, and who obeys them.

-- An address or a range is everybody's and belongs to none; a person or a device belongs to an organisation, and so does what is decided
-- about it. Strangers are counted as nobody (no organisation is set then), and whoever runs the instance sees what is nobody's.
alter table blocks
  add column organisation_id integer references organisations,
  add column kind text not null default 'block' check (kind in ('block', 'ban')),
  add column origin text not null default 'guessing' check (origin in ('guessing', 'detection', 'manual')),
  -- Would have been decided by a scenario that is being tried out; keeps nobody out.
  add column simulated boolean not null default false,
  add column scenario text check (length(scenario) <= 80),
  -- One decision at most follows from a detection, however often it is asked for.
  add column detection_id uuid unique,
  add column nth integer not null default 1 check (nth > 0),
  add column created_by text check (length(created_by) <= 80),
  add column created_by_label text check (length(created_by_label) <= 254),
  add column lifted_by_label text check (length(lifted_by_label) <= 254),
  -- No detection decides on the same subject before.
  add column grace_until timestamptz,
  -- CrowdSec's bouncers know decisions by number.
  add column number bigint generated always as identity,
  add constraint blocks_organisation check ((scope in ('user', 'device')) = (organisation_id is not null)),
  add constraint blocks_grace check (grace_until is null or lifted_at is not null),
  add constraint blocks_evidence check (length(evidence::text) <= 8192);
create index blocks_time on blocks (created_at desc, id desc);
create index blocks_lifted on blocks (lifted_at) where lifted_at is not null;

alter table blocks enable row level security;
create policy own_or_instance on blocks for select to valtronics_server using (
  organisation_id = current_organisation()
  or (organisation_id is null and (current_organisation() is null or operates_instance())));
create policy make on blocks for insert to valtronics_server with check (
  organisation_id = current_organisation()
  or (organisation_id is null and (current_organisation() is null or operates_instance())));
-- Not for nobody: what runs for strangers can block, and cannot lift.
create policy lift on blocks for update to valtronics_server
  using (organisation_id = current_organisation() or (organisation_id is null and operates_instance()))
  with check (organisation_id = current_organisation() or (organisation_id is null and operates_instance()));
create policy of_viewers on blocks as restrictive for select to valtronics_server
  using ((select current_viewers() is null) or scope <> 'device' or value in (select visible_devices()::text));
create policy across_organisations on blocks to valtronics_maintenance using (true) with check (true);
grant update (lifted_at, lifted_by, lifted_by_label, grace_until) on blocks to valtronics_server;
grant insert, update (lifted_by_label, grace_until) on blocks to valtronics_maintenance;

-- Networks that are never blocked, beside those of the settings.
create table allow_list (
  id uuid primary key,
  organisation_id integer not null references organisations,
  network text not null unique check (length(network) between 1 and 50),
  note text check (length(note) <= 200),
  created_at timestamptz not null,
  created_by text check (length(created_by) <= 80),
  created_by_label text check (length(created_by_label) <= 254)
);
alter table allow_list enable row level security;
create policy of_operator on allow_list to valtronics_server
  using (organisation_id = current_organisation() and operates_instance())
  with check (organisation_id = current_organisation() and operates_instance());
create policy across_organisations on allow_list to valtronics_maintenance using (true) with check (true);
grant select, insert, delete on allow_list to valtronics_server;
grant select on allow_list to valtronics_maintenance;

-- Firewalls elsewhere.
create table bouncers (
  id uuid primary key,
  organisation_id integer not null references organisations,
  name text not null check (length(name) between 1 and 80),
  key_hash bytea not null unique check (length(key_hash) = 32),
  created_at timestamptz not null,
  created_by text check (length(created_by) <= 80),
  created_by_label text check (length(created_by_label) <= 254),
  -- What it was told is told again from here on.
  last_seen_at timestamptz,
  last_address inet,
  user_agent text check (length(user_agent) <= 300),
  unique (organisation_id, name)
);
alter table bouncers enable row level security;
create policy of_operator on bouncers to valtronics_server
  using (organisation_id = current_organisation() and operates_instance())
  with check (organisation_id = current_organisation() and operates_instance());
create policy across_organisations on bouncers to valtronics_maintenance using (true) with check (true);
grant select, insert, delete, update (last_seen_at, last_address, user_agent) on bouncers to valtronics_server;

create function find_bouncer(wanted_hash bytea)
  returns table (bouncer_id uuid, organisation_id integer, name text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select b.id, b.organisation_id, b.name from bouncers b join organisations o on o.id = b.organisation_id and o.operates_instance
  where b.key_hash = wanted_hash $$;
revoke execute on function find_bouncer(bytea) from public;
grant execute on function find_bouncer(bytea) to valtronics_server;
