drop table latchkey.organization_domains;
