-- What an event may say is checked by the function that every insert runs anyway, which is read once a connection. A check constraint is read
-- anew by every statement: inserting one row into a table without indexes took 76 microseconds with these eight, and 12 without.
create or replace function await_leaf() returns trigger language plpgsql as $$
begin
  if pg_catalog.length(new.event) > 80
    or new.outcome not in ('success', 'failure')
    or new.actor_kind not in ('user', 'api_key', 'device', 'anonymous', 'cli', 'system')
    or pg_catalog.length(new.actor_id) > 80
    or pg_catalog.length(new.actor_label) > 254
    or pg_catalog.length(new.resource_kind) > 80
    or pg_catalog.length(new.resource_id) > 80
    or pg_catalog.length(new.request_id) > 80 then
    raise exception 'the audit event % has a field out of bounds', new.id using errcode = 'check_violation';
  end if;
  if new.organisation_id is not null and not exists (select from public.organisations where id = new.organisation_id) then
    raise exception 'no organisation % to log an event of', new.organisation_id using errcode = 'foreign_key_violation';
  end if;
  insert into public.audit_pending (event_id) values (new.id);
  return null;
end $$;
alter table audit_events
  drop constraint audit_events_event_check,
  drop constraint audit_events_outcome_check,
  drop constraint audit_events_actor_kind_check,
  drop constraint audit_events_actor_id_check,
  drop constraint audit_events_actor_label_check,
  drop constraint audit_events_resource_kind_check,
  drop constraint audit_events_resource_id_check,
  drop constraint audit_events_request_id_check;
