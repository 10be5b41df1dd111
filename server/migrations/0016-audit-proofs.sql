-- What lets a stranger verify the audit log: a Merkle tree for each organisation and one for the instance, signed again and again.

-- The log's own key, made at the first start. One at a time; those before it are kept, since what they signed is.
create table audit_keys (
  id uuid primary key,
  name text not null check (length(name) between 1 and 120),
  public_key bytea not null unique check (length(public_key) = 32),
  private_sealed bytea not null,
  status text not null check (status in ('active', 'retired')),
  created_at timestamptz not null default now()
);
create unique index audit_keys_active on audit_keys (status) where status = 'active';
grant select, insert on audit_keys to valtronics_maintenance;
grant select (id, name, public_key, status, created_at) on audit_keys to valtronics_server;

create table audit_trees (
  id integer generated always as identity primary key,
  -- Null: of the instance, whose log also holds what was signed for the others.
  organisation_id integer unique nulls not distinct references organisations,
  origin text not null unique check (length(origin) between 1 and 200),
  created_at timestamptz not null default now()
);

-- Events without a place in a tree yet. Written by the insert of the event itself, in its transaction: whichever commits late is here when
-- it does, so the sequencer depends on no order of ids or times and can skip nothing.
create table audit_pending (
  number bigint generated always as identity primary key,
  event_id uuid not null
);
create function await_leaf() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  insert into audit_pending (event_id) values (new.id);
  return null;
end $$;
create trigger await_leaf after insert on audit_events for each row execute function await_leaf();

create table audit_leaves (
  tree integer not null references audit_trees,
  position bigint not null check (position >= 0),
  hash bytea not null check (length(hash) = 32),
  -- Null: a checkpoint of another tree.
  event_id uuid,
  -- Null once it was pruned.
  entry text check (octet_length(entry) <= 65535),
  primary key (tree, position)
);
-- An event has one place.
create unique index audit_leaves_event on audit_leaves (event_id) where event_id is not null;

-- c2sp.org/tlog-tiles, complete ones only: what is incomplete follows from the leaves and from the roots of the tiles below.
create table audit_tiles (
  tree integer not null references audit_trees,
  level integer not null check (level between 0 and 63),
  number bigint not null check (number >= 0),
  hashes bytea not null check (length(hashes) = 8192),
  root bytea not null check (length(root) = 32),
  primary key (tree, level, number)
);

create table audit_checkpoints (
  tree integer not null references audit_trees,
  size bigint not null check (size > 0),
  note text not null check (length(note) <= 4096),
  signed_at timestamptz not null default clock_timestamp(),
  primary key (tree, size)
);

-- The salts of personal values: the leaf holds SHA-256(salt ‖ value), so a value whose salt is gone cannot even be guessed.
create table audit_salts (
  event_id uuid primary key,
  salts jsonb not null
);

-- For a search by address and by event. (Actor, resource and time have had theirs.)
create index audit_events_address on audit_events (organisation_id, address, at desc) where address is not null;
create index audit_events_event on audit_events (organisation_id, event, at desc);

-- What was there before has its place to come.
insert into audit_pending (event_id) select id from audit_events order by at, id;

-- Nothing of this is ever changed, and nothing deleted but by the two functions below: they run as the owner and say so in a setting that
-- ends with their transaction. No other role holds the right to update or delete, whatever it sets.
create or replace function refuse_change() returns trigger language plpgsql set search_path = public, pg_temp as $$
declare
  upkeep text := coalesce(current_setting('valtronics.audit_upkeep', true), '');
  personal text[] := array['actor_label', 'address', 'details'];
begin
  if tg_op = 'UPDATE' and upkeep = 'erase' and tg_table_name = 'audit_events'
    and to_jsonb(new) - personal = to_jsonb(old) - personal then return new; end if;
  if tg_op = 'UPDATE' and upkeep = 'prune' and tg_table_name = 'audit_leaves'
    and to_jsonb(new) - 'entry' = to_jsonb(old) - 'entry' and to_jsonb(new)->'entry' = 'null' then return new; end if;
  if tg_op = 'DELETE' and upkeep = 'prune' and tg_table_name in ('audit_events', 'audit_leaves') then return old; end if;
  raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
do $$
declare append_only text;
begin
  foreach append_only in array array['audit_trees', 'audit_leaves', 'audit_tiles', 'audit_checkpoints'] loop
    execute format('create trigger append_only before update or delete on %I for each row execute function refuse_change()', append_only);
    execute format('create trigger append_only_truncate before truncate on %I for each statement execute function refuse_change()', append_only);
  end loop;
end $$;

grant insert on audit_pending to valtronics_server, valtronics_maintenance;
grant select, delete on audit_pending to valtronics_maintenance;
grant select on audit_trees, audit_leaves, audit_tiles, audit_checkpoints, audit_salts to valtronics_server;
grant select, insert on audit_trees, audit_leaves, audit_tiles, audit_checkpoints, audit_salts to valtronics_maintenance;

-- An organisation sees its own log, and the one that runs the instance that of the instance as well.
drop policy read_own on audit_events;
create policy read_own on audit_events for select to valtronics_server
  using (organisation_id = current_organisation() or (organisation_id is null and operates_instance()));
alter table audit_trees enable row level security;
create policy read_own on audit_trees for select to valtronics_server
  using (organisation_id = current_organisation() or (organisation_id is null and operates_instance()));
create policy across_organisations on audit_trees to valtronics_maintenance using (true) with check (true);
do $$
declare of_tree text;
begin
  foreach of_tree in array array['audit_leaves', 'audit_tiles', 'audit_checkpoints'] loop
    execute format('alter table %I enable row level security', of_tree);
    execute format('create policy read_own on %I for select to valtronics_server using (tree in (select id from audit_trees))', of_tree);
    execute format('create policy across_organisations on %I to valtronics_maintenance using (true) with check (true)', of_tree);
  end loop;
end $$;
alter table audit_salts enable row level security;
create policy read_own on audit_salts for select to valtronics_server using (exists (select from audit_events e where e.id = event_id));
create policy across_organisations on audit_salts to valtronics_maintenance using (true) with check (true);

-- Takes away personal values and their salts, wherever they concern this person: label and address of what they did, and every text in the
-- details of what was done to them. The events themselves and their proofs stay.
create function erase_audit_values(of_organisation integer, person text) returns integer
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  touched record;
  erased integer := 0;
  pointers text[];
  pointer text;
  kept jsonb;
begin
  perform set_config('valtronics.audit_upkeep', 'erase', true);
  for touched in
    select e.id, e.actor_id is not distinct from person as acted, e.resource_id is not distinct from person as concerned, e.details, s.salts
    from audit_events e join audit_salts s on s.event_id = e.id
    where e.organisation_id is not distinct from of_organisation and (e.actor_id = person or e.resource_id = person)
      -- What has no place yet is erased once it has: its salts are not made before.
  loop
    select coalesce(array_agg(key), '{}') into pointers from jsonb_object_keys(touched.salts) key
    where (touched.acted and key in ('/actor/label', '/address')) or (touched.concerned and key like '/details%');
    continue when cardinality(pointers) = 0;
    kept := touched.details;
    foreach pointer in array pointers loop
      if pointer = '/details' then kept := '{"erased": true}';
      elsif pointer like '/details/%' then
        kept := jsonb_set(kept, (select array_agg(replace(replace(part, '~1', '/'), '~0', '~') order by place)
          from unnest((string_to_array(pointer, '/'))[3:]) with ordinality as parts(part, place)), 'null', false);
      end if;
    end loop;
    update audit_events set details = kept,
      actor_label = case when '/actor/label' = any (pointers) then null else actor_label end,
      address = case when '/address' = any (pointers) then null else address end
    where id = touched.id;
    update audit_salts set salts = salts - pointers where event_id = touched.id;
    erased := erased + cardinality(pointers);
  end loop;
  perform set_config('valtronics.audit_upkeep', '', true);
  return erased;
end $$;
revoke all on function erase_audit_values(integer, text) from public;
grant execute on function erase_audit_values(integer, text) to valtronics_maintenance;

-- Takes away the events at the first `below` places of a tree. Hashes stay: tiles for whole rows of 256, leaves for the rest, so every proof
-- of what remains can still be made. Nothing younger than 90 days goes this way, whoever asks.
create function prune_audit_tree(pruned integer, below bigint) returns bigint
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  removed bigint;
begin
  if exists (select from audit_leaves l join audit_events e on e.id = l.event_id
    where l.tree = pruned and l.position < below and e.at > now() - interval '90 days') then
    raise exception 'what is younger than 90 days is not pruned' using errcode = 'insufficient_privilege';
  end if;
  perform set_config('valtronics.audit_upkeep', 'prune', true);
  delete from audit_salts s using audit_leaves l where l.tree = pruned and l.position < below and s.event_id = l.event_id;
  delete from audit_events e using audit_leaves l where l.tree = pruned and l.position < below and e.id = l.event_id;
  get diagnostics removed = row_count;
  delete from audit_leaves l using audit_tiles t
    where l.tree = pruned and t.tree = pruned and t.level = 0 and l.position < below
      and t.number = l.position / 256 and (t.number + 1) * 256 <= below;
  update audit_leaves set entry = null where tree = pruned and position < below and entry is not null;
  perform set_config('valtronics.audit_upkeep', '', true);
  return removed;
end $$;
revoke all on function prune_audit_tree(integer, bigint) from public;
grant execute on function prune_audit_tree(integer, bigint) to valtronics_maintenance;
