drop trigger tell_routed_update on latchkey.organizations;
drop trigger tell_routed_delete on latchkey.organization_domains;
drop trigger tell_routed_update on latchkey.organization_domains;
drop trigger tell_routed_insert on latchkey.organization_domains;
drop trigger tell_routed_delete on latchkey.connections;
drop trigger tell_routed_update on latchkey.connections;
drop trigger tell_routed_insert on latchkey.connections;
drop function latchkey.tell_routed_domains();
