drop table latchkey.used_proofs;
