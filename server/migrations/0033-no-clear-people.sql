-- While an installation of several servers is updated, one of the release before may still run. What it writes in clear would be sealed at no start before
-- the next, and an address could be given twice: its unique index does not know the sealed ones. So it is refused. A restore loads as the owner, and may.

create function refuse_clear() returns trigger language plpgsql as $$
begin
  raise exception 'what is personal in % is sealed now: a server of an older release is running', tg_table_name using errcode = 'insufficient_privilege';
end $$;

-- After, so that whether the row may be there at all is judged first.
create trigger no_clear_insert after insert on users for each row
  when (current_user in ('valtronics_server', 'valtronics_maintenance') and num_nonnulls(new.email, new.name, new.phone) > 0)
  execute function refuse_clear();
create trigger no_clear_update after update on users for each row
  when (current_user in ('valtronics_server', 'valtronics_maintenance')
    and ((new.email is not null and new.email is distinct from old.email) or (new.name is not null and new.name is distinct from old.name)
      or (new.phone is not null and new.phone is distinct from old.phone)))
  execute function refuse_clear();
create trigger no_clear_insert after insert on subjects for each row
  when (current_user in ('valtronics_server', 'valtronics_maintenance') and num_nonnulls(new.reference, new.name) > 0)
  execute function refuse_clear();
create trigger no_clear_update after update on subjects for each row
  when (current_user in ('valtronics_server', 'valtronics_maintenance')
    and ((new.reference is not null and new.reference is distinct from old.reference) or (new.name is not null and new.name is distinct from old.name)))
  execute function refuse_clear();

-- To whom an incident was given stood here by their name or address. It is their id from now on; of before it stands in the audit event.
update incident_entries set note = null where kind = 'assigned' and note <> 'to nobody';
