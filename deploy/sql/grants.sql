-- The rights of everybody who works on duly's database, as roles. An administrator applies this file to the schema,
-- after `duly migrate up` and again after each update of duly; applied twice, it changes nothing:
--
--     mysql shop < deploy/sql/grants.sql
--
-- It works on MySQL 8+ and MariaDB 10.11+. Then give each user a role, and make it the one that is on at log-in:
--
--     CREATE USER duly@'10.0.0.%' IDENTIFIED BY '…' REQUIRE SSL;
--     GRANT duly_worker TO duly@'10.0.0.%';
--     SET DEFAULT ROLE duly_worker TO duly@'10.0.0.%';      -- MySQL
--     SET DEFAULT ROLE duly_worker FOR duly@'10.0.0.%';     -- MariaDB
--
--     CREATE USER duly_people@'10.0.0.%' IDENTIFIED BY '…' REQUIRE SSL;
--     GRANT duly_operator_write TO duly_people@'10.0.0.%';
--     SET DEFAULT ROLE duly_operator_write TO duly_people@'10.0.0.%';     -- MySQL
--     SET DEFAULT ROLE duly_operator_write FOR duly_people@'10.0.0.%';    -- MariaDB
--
-- A host has the worker's login in `database.dsn`, and for the people who work on it that of an operator who acts in
-- `database.operator_dsn`, best by `database.operator_dsn_file`: a file that those people alone can read. Commands that change
-- something use it. Without it they use the worker's login, which writes nearly all that an operator writes: it lacks the rights for
-- `duly resume` and `duly doctor --control` alone. So anybody with a worker's login can act; keep its DSN where only the worker reads it.
-- What an operator's login is for is the right to resume, and a name of one's own in the server's log. `duly doctor` tells which right a
-- login lacks of its role.

CREATE ROLE IF NOT EXISTS duly_worker, duly_changes, duly_shop, duly_operator, duly_operator_write, duly_migrator;

-- The worker: `duly run`, `duly schedule`, `duly doctor`. It reads the shop's tables and writes only those of their
-- columns that are its own; no customer or price can be changed by it. A payment method is changed only where a gateway's answer replaces it;
-- without that right subscriptions keep the old one, and everything else goes on. Of its own tables only what
-- `duly run prune` and `duly run report` remove can be removed: no invoice, attempt, payment or finding.

GRANT SELECT, UPDATE (next_billing_date, anchor_day, review_reason, status, cancelled_at, cancel_reason, payment_method) ON subscriptions TO duly_worker;
GRANT SELECT, UPDATE (applied_at, outcome) ON subscription_changes TO duly_worker;
GRANT SELECT, UPDATE (status, completed_at, failed_at, failure_reason) ON orders TO duly_worker;
GRANT SELECT ON order_items TO duly_worker;
GRANT SELECT, UPDATE (stock) ON products TO duly_worker;
GRANT SELECT, UPDATE (status, transaction_key, failure_code, failure_reason, refunded_amount, refunded_at) ON payments TO duly_worker;
GRANT SELECT, INSERT, UPDATE ON invoices TO duly_worker;
GRANT SELECT, INSERT, UPDATE ON payment_attempts TO duly_worker;
GRANT SELECT, INSERT ON gateway_answers TO duly_worker;
GRANT SELECT, INSERT, UPDATE ON order_checks TO duly_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON events TO duly_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON event_deliveries TO duly_worker;
GRANT SELECT, INSERT, UPDATE ON outbox_marks TO duly_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON job_runs TO duly_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON step_runs TO duly_worker;
GRANT SELECT, INSERT ON pauses TO duly_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON schedule_firings TO duly_worker;
GRANT SELECT, INSERT ON operator_actions TO duly_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON daily_order_stats TO duly_worker;
GRANT SELECT, INSERT, DELETE ON daily_product_sales TO duly_worker;
GRANT SELECT, INSERT, UPDATE ON audit_findings TO duly_worker;
GRANT SELECT, INSERT, UPDATE ON gateway_accounts TO duly_worker;
GRANT SELECT ON gateway_controls TO duly_worker;
GRANT SELECT, INSERT, UPDATE ON bookings TO duly_worker;
GRANT SELECT, INSERT, UPDATE ON unknown_charges TO duly_worker;
GRANT SELECT, INSERT, UPDATE ON known_servers TO duly_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON row_failures TO duly_worker;
GRANT SELECT, INSERT, UPDATE ON refunds TO duly_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON notices TO duly_worker;
GRANT SELECT, UPDATE (claimed_by, claimed_at) ON claim_probe TO duly_worker;
GRANT SELECT ON duly_migrations TO duly_worker;

-- What a worker needs beside its role where the shop plans prices or intervals in subscription_changes; without it such a change goes to review:
--
--     GRANT duly_changes TO duly_worker;

GRANT UPDATE (amount, interval_unit, interval_count) ON subscriptions TO duly_changes;

-- The shop: its own tables, but for the columns that are duly's; its own events; of duly's tables what a customer's
-- page or a back office shows.

GRANT SELECT, INSERT, UPDATE (customer_id, status, gateway, payment_method, method_type, description, amount, currency,
  interval_unit, interval_count, anchor_day, next_billing_date, cancelled_at, cancel_reason) ON subscriptions TO duly_shop;

-- A view of the shop's may lack these columns.
SET @duly_grant = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND column_name = 'gateway_customer') > 0,
  'GRANT UPDATE (gateway_customer) ON subscriptions TO duly_shop', 'DO 0');
PREPARE duly_grant FROM @duly_grant;
EXECUTE duly_grant;
DEALLOCATE PREPARE duly_grant;
SET @duly_grant = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND column_name = 'dunning_policy') > 0,
  'GRANT UPDATE (dunning_policy) ON subscriptions TO duly_shop', 'DO 0');
PREPARE duly_grant FROM @duly_grant;
EXECUTE duly_grant;
DEALLOCATE PREPARE duly_grant;
SET @duly_grant = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND column_name = 'method_expires_on') > 0,
  'GRANT UPDATE (method_expires_on) ON subscriptions TO duly_shop', 'DO 0');
PREPARE duly_grant FROM @duly_grant;
EXECUTE duly_grant;
DEALLOCATE PREPARE duly_grant;

GRANT SELECT, INSERT, DELETE, UPDATE (subscription_id, effective_date, kind, value, note) ON subscription_changes TO duly_shop;
GRANT SELECT, INSERT, UPDATE ON orders TO duly_shop;
GRANT SELECT, INSERT, UPDATE, DELETE ON order_items TO duly_shop;
GRANT SELECT, INSERT, UPDATE, DELETE ON products TO duly_shop;
GRANT SELECT, INSERT, UPDATE ON payments TO duly_shop;
GRANT SELECT, INSERT ON events TO duly_shop;
GRANT SELECT ON invoices TO duly_shop;
GRANT SELECT ON payment_attempts TO duly_shop;

-- What is to be refunded, and taken back before a run has begun with it: status = 'cancelled' where it is 'requested'.
GRANT SELECT, INSERT (invoice_id, payment_id, amount, currency, reason, restock, follow_up, requested_by), UPDATE (status) ON refunds TO duly_shop;
GRANT SELECT ON order_checks TO duly_shop;
GRANT SELECT ON event_deliveries TO duly_shop;
GRANT SELECT ON daily_order_stats TO duly_shop;
GRANT SELECT ON daily_product_sales TO duly_shop;
GRANT SELECT ON notices TO duly_shop;

-- An operator who looks: `duly status`, `show`, `runs`, every `--dry-run`; also on a replica. It writes nothing.

GRANT SELECT ON subscriptions TO duly_operator;
GRANT SELECT ON subscription_changes TO duly_operator;
GRANT SELECT ON orders TO duly_operator;
GRANT SELECT ON order_items TO duly_operator;
GRANT SELECT ON products TO duly_operator;
GRANT SELECT ON payments TO duly_operator;
GRANT SELECT ON invoices TO duly_operator;
GRANT SELECT ON payment_attempts TO duly_operator;
GRANT SELECT ON gateway_answers TO duly_operator;
GRANT SELECT ON order_checks TO duly_operator;
GRANT SELECT ON events TO duly_operator;
GRANT SELECT ON event_deliveries TO duly_operator;
GRANT SELECT ON outbox_marks TO duly_operator;
GRANT SELECT ON job_runs TO duly_operator;
GRANT SELECT ON step_runs TO duly_operator;
GRANT SELECT ON pauses TO duly_operator;
GRANT SELECT ON schedule_firings TO duly_operator;
GRANT SELECT ON operator_actions TO duly_operator;
GRANT SELECT ON daily_order_stats TO duly_operator;
GRANT SELECT ON daily_product_sales TO duly_operator;
GRANT SELECT ON audit_findings TO duly_operator;
GRANT SELECT ON gateway_accounts TO duly_operator;
GRANT SELECT ON gateway_controls TO duly_operator;
GRANT SELECT ON bookings TO duly_operator;
GRANT SELECT ON unknown_charges TO duly_operator;
GRANT SELECT ON known_servers TO duly_operator;
GRANT SELECT ON row_failures TO duly_operator;
GRANT SELECT ON refunds TO duly_operator;
GRANT SELECT ON notices TO duly_operator;
GRANT SELECT ON claim_probe TO duly_operator;
GRANT SELECT ON duly_migrations TO duly_operator;

-- An operator who acts: beside the above `duly pause`, `resume`, `stop`, `throttle`, `requeue`, `resolve`, `adopt` and `reopen`. What is
-- done is recorded in operator_actions, and cannot be removed or changed there.

GRANT duly_operator TO duly_operator_write;
GRANT INSERT ON operator_actions TO duly_operator_write;
GRANT INSERT, UPDATE, DELETE ON pauses TO duly_operator_write;
GRANT UPDATE (control) ON job_runs TO duly_operator_write;
GRANT UPDATE ON invoices TO duly_operator_write;
GRANT UPDATE ON payment_attempts TO duly_operator_write;
GRANT UPDATE (status, cancelled_at, cancel_reason, next_billing_date, anchor_day) ON subscriptions TO duly_operator_write;
GRANT UPDATE (applied_at, outcome) ON subscription_changes TO duly_operator_write; -- `duly resolve change`
GRANT UPDATE (stock) ON products TO duly_operator_write; -- `duly resolve`: items of a refund that goes back into the stock
GRANT UPDATE (updated_at) ON orders TO duly_operator_write; -- to lock the row while its payment is settled
GRANT UPDATE (status, transaction_key, failure_code, failure_reason, refunded_amount, refunded_at) ON payments TO duly_operator_write;
GRANT INSERT, UPDATE ON order_checks TO duly_operator_write;
GRANT INSERT, UPDATE ON events TO duly_operator_write;
GRANT UPDATE ON event_deliveries TO duly_operator_write;
GRANT INSERT, UPDATE ON audit_findings TO duly_operator_write;
GRANT INSERT, UPDATE ON gateway_accounts TO duly_operator_write;
GRANT INSERT, UPDATE ON gateway_controls TO duly_operator_write;
GRANT INSERT, UPDATE ON bookings TO duly_operator_write;
GRANT INSERT, UPDATE ON unknown_charges TO duly_operator_write;
GRANT INSERT, UPDATE ON known_servers TO duly_operator_write;
GRANT INSERT, UPDATE ON refunds TO duly_operator_write;
GRANT INSERT ON invoices TO duly_operator_write; -- what a gateway's list shows and a restored database has lost
GRANT INSERT ON payment_attempts TO duly_operator_write;

-- Who runs `duly migrate up` and `down`: everything in this schema, and nothing else on the server.

GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES ON * TO duly_migrator;
