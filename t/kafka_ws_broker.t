#!/usr/bin/perl

# Both brokers behind their one interface: what the other tests stand on.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Process qw(wait_for);

###############################################################################

my $b = KafkaWS::Broker->new();
my $kafka = $b->kind eq 'kafka';

plan(tests => $kafka ? 30 : 19);

# topics


# the times of its records are long past
my $t = $b->create_topic($b->topic('broker'), partitions => 3,
	config => { 'retention.ms' => -1 });

isnt($b->topic('x'), $b->topic('x'), 'topic names differ');
is_deeply($b->watermarks($t), { map { $_ => [0, 0] } 0 .. 2 },
	'new topic is empty');
is_deeply([sort keys %{ $b->leaders($t) }], [0, 1, 2], 'leaders known');

# records: what kcat reads is what was asked for

is($b->produce($t, 'first'), 0, 'first offset');
is_deeply([$b->produce($t, 'a', 'b', 'c')], [1, 2, 3], 'offsets in order');

$b->produce($t, { partition => 1, key => 'k', value => 'v',
	timestamp => 1700000000000,
	headers => [['h', '1'], ['h', undef], ['e', '']] });

is(kcat($b, $t, 1, 'k%K=%k s%S=%s t%T h%h'),
	'k1=k s1=v t1700000000000 hh=1,h=NULL,e=', 'key, value, time, headers');

$b->produce($t, { partition => 2, key => undef, value => undef });
is(kcat($b, $t, 2, '%K %S'), '-1 -1', 'null key, null value');

$b->produce($t, { partition => 2, key => '', value => '' });
is(kcat($b, $t, 2, '%K %S'), '0 0', 'empty key, empty value');

$b->produce($t, { partition => 2, value => "\0\n\xff\x80 \"" });
is(kcat($b, $t, 2, '%s'), "\0\n\xff\x80 \"", 'any bytes');

my $big = 'x' x 2_000_000;
$b->produce($t, { partition => 2, value => $big });
ok(kcat($b, $t, 2, '%s') eq $big, 'big record');

is(eval { $b->ask("produce $t 0 v=zz"); 1 }, undef, 'bad hex is refused');
is(eval { $b->ask("produce $t 9 v=00"); 1 }, undef, 'no such partition');

# bulk

my $r = $b->produce_bulk($t, partitions => 3, count => 3000, size => 200,
	run => 'bulk');

is("$r->{sent} $r->{acked} $r->{failed}", '3000 3000 0', 'bulk acknowledged');
is_deeply($r->{next}, [1000, 1000, 1000], 'bulk sequences');

my $value = kcat($b, $t, 1, '%s');
my $rec = KafkaWS::Broker::parse_value($value);

is("$rec->{run} $rec->{partition} $rec->{seq}", 'bulk 1 999', 'bulk value');

substr($value, -20, 1) ^= "\x01";
is(KafkaWS::Broker::parse_value($value), undef, 'damaged value is found');

my $bulk = $b->bulk_start($t, partitions => 3, rate => 300);
my $high = $b->watermarks($t)->{0}[1];

ok(wait_for(10, sub { $b->watermarks($t)->{0}[1] > $high }),
	'bulk runs beside the test');

$r = $bulk->stop();
is($r->{acked}, $r->{sent}, 'bulk stopped in order');

# transactions

$high = $b->watermarks($t)->{0}[1];
$b->txn_commit($t, 'one', 'two');

if (!$kafka) {
	$b->txn_abort($t, 'three');
	cmp_ok($b->watermarks($t)->{0}[1], '>=', $high + 2,
		'records of a transaction');
	exit;
}

# each transaction ends with a marker, which is written after the answer

ends($high + 3);
is(kcat($b, $t, 0, '%s', $high), 'onetwo', 'committed records are seen');

$high = $b->watermarks($t)->{0}[1];
$b->txn_abort($t, 'three', 'four');
$b->produce($t, 'after');
ends($high + 4);
is(kcat($b, $t, 0, '%s', $high), 'after', 'aborted records are not');

$high = $b->watermarks($t)->{0}[1];
$b->txn_begin();
my ($open) = $b->txn_produce($t, 'open');
is($b->watermarks($t)->{0}[1], $high, 'open transaction holds the end back');
$b->txn_end('commit');
is($open, $high, 'offset inside a transaction');

# what only Kafka does

$b->add_partitions($t, 5);
is_deeply([sort keys %{ $b->leaders($t) }], [0 .. 4], 'partitions added');
is($b->produce($t, { partition => 4, value => 'new' }), 0, 'and used');

$b->delete_records($t, 0, 2);
is($b->watermarks($t)->{0}[0], 2, 'records deleted');

is($b->offset_for_time($t, 1, 1700000000000), 0, 'offset by time');
is($b->offset_for_time($t, 1, 4000000000000), -1, 'offset by a time to come');

$b->delete_topic($t);
is(eval { $b->watermarks($t); 1 } && join(',', keys %{ $b->watermarks($t) }),
	'', 'topic deleted');

{
	my $m = $ENV{TEST_KAFKA_WS_METRICS} ? $b
		: KafkaWS::Broker->new(own => 1, metrics => 1);

	my $topic = $m->create_topic($m->topic('metrics'));
	my $before = $m->metrics();

	$m->produce($topic, 'x');
	kcat($m, $topic, 0, '%s');

	my $after;

	# a fetch is counted when it has been answered
	wait_for(10, sub {
		($after = $m->metrics())->{fetches} > $before->{fetches} });

	cmp_ok($after->{fetches}, '>', $before->{fetches}, 'metrics: fetches');
	cmp_ok($after->{connections}, '>', 0, 'metrics: connections');
}

###############################################################################

# until the first partition is read up to there
sub ends {
	my ($offset) = @_;

	wait_for(30, sub { $b->watermarks($t)->{0}[1] >= $offset })
		or die "the log does not end at $offset\n";
}

# the last record of a partition, or all from an offset, by another program
sub kcat {
	my ($broker, $topic, $partition, $format, $from) = @_;

	open my $f, '-|', 'kcat', '-q', '-C', '-b', $broker->bootstrap,
		'-t', $topic, '-p', $partition, '-o', $from // -1, '-e',
		defined $from ? () : ('-c', 1), '-f', $format,
		'-X', 'isolation.level=read_committed'
		or die "kcat: $!\n";
	binmode $f;
	local $/;
	my $out = <$f> // '';
	close $f;

	return $out;
}
