"""What the tables stand on: ids in order of time, and procrastinate's own schema."""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "20261121_ground"
down_revision = None
branch_labels = None
depends_on = None

# PostgreSQL 18 has uuidv7(); before it, RFC 9562's layout is put together by hand: 48 bits of
# Unix milliseconds over a random UUID, version 7.
UUID7 = """
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 180000 THEN
        CREATE FUNCTION limbeck_uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
            AS 'SELECT uuidv7()';
    ELSE
        CREATE FUNCTION limbeck_uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $f$
            SELECT encode(
                set_byte(
                    set_byte(
                        overlay(
                            uuid_send(gen_random_uuid())
                            PLACING substring(
                                int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint)
                                FROM 3
                            )
                            FROM 1 FOR 6
                        ),
                        6, 112 | (get_byte(uuid_send(gen_random_uuid()), 0) & 15)
                    ),
                    8, 128 | (get_byte(uuid_send(gen_random_uuid()), 1) & 63)
                ),
                'hex'
            )::uuid
        $f$;
    END IF;
END
$$
"""


def upgrade() -> None:
    op.execute(UUID7)
    # The SQL of the pinned version; a later version's changes come as revisions of their own.
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
