-- Runs with every event, in the transaction of the change it describes. A search path of its own, set and set back each time, cost more than
-- the row it inserts; everything it names says where it is instead, so no search path is asked.
create or replace function await_leaf() returns trigger language plpgsql as $$
begin
  insert into public.audit_pending (event_id) values (new.id);
  return null;
end $$;
