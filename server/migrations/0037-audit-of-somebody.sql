-- An event of an organisation that is not there could be given no place and would hold up all that come after it. It is looked for when the event is
-- appended, without a lock on its row, since none is ever deleted. As whoever appends: a request sees its own organisation alone.
create or replace function await_leaf() returns trigger language plpgsql as $$
begin
  if new.organisation_id is not null and not exists (select from public.organisations where id = new.organisation_id) then
    raise exception 'no organisation % to log an event of', new.organisation_id using errcode = 'foreign_key_violation';
  end if;
  insert into public.audit_pending (event_id) values (new.id);
  return null;
end $$;
