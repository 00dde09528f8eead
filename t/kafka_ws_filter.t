#!/usr/bin/perl

# kafka_ws_filter: a client gets the records that the location's filters let
# through by its own values, every one of them, in order, and no other: live,
# after a cursor, from older records, in every format.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

use constant { TIME => 20, MANY => 4_000, KEYS => 50 };

###############################################################################

my $b = KafkaWS::Broker->new();
my $kafka = $b->kind eq 'kafka';
my $topic = $b->create_topic($b->topic('filter'), partitions => 2);
my $many = $b->create_topic($b->topic('many'), partitions => 2);

# what a record has, and its value; the last one is the end for all

my @records = (
	{ key => 'ann', value => '{"user":"ann","to":{"id":1}}' },
	{ key => 'ben', value => '{"user":"ben","to":{"id":2}}' },
	{ key => 'an', value => 'an' },
	{ key => 'anna', value => 'anna' },
	{ value => 'no key' },
	{ key => 'Ann', value => 'Ann' },
	{ key => '', value => 'empty key' },
	{ key => 'ann', value => 'ann' },
	{ key => 'ann', value => undef },
	{ key => 'x', headers => [['user', 'ann']], value => 'x, h ann' },
	{ key => 'x', headers => [['user', 'ben'], ['user', 'ann']],
		value => 'x, h ben ann' },
	{ key => 'x', headers => [['user', 'ann'], ['user', 'ben']],
		value => 'x, h ann ben' },
	{ key => 'x', headers => [['user', undef]], value => 'x, h null' },
	{ key => 'x', headers => [['User', 'ann']], value => 'x, H ann' },
	{ key => 'ann', headers => [['user', 'ann']], value => 'ann, h ann' },
	{ key => 'ann', headers => [['user', 'ben']], value => 'ann, h ben' },
	{ key => 'y', value => '{"user":"ann","user":"ben"}' },
	{ key => 'y', value => '{"to":{"id":1,"id":2},"user":"ann"}' },
	{ key => 'y', value => '{"us\u0065r":"\u0061nn"}' },
	{ key => 'y', value => '["ann"]' },
	{ key => 'y', value => '{"user":["ann"]}' },
	{ key => 'y', value => '{"user":"ann"' },
	{ key => 'z', value => '{"to":{"id":1.0}}' },
);

# location and arguments, what its filters say of a record, headers

my $by_key = sub {
	my ($key) = @_;

	return sub { defined $_->{key} && $_->{key} eq $key };
};

my %json = map { $_ => 1 } '{"user":"ann","to":{"id":1}}',
	'{"to":{"id":1,"id":2},"user":"ann"}', '{"us\u0065r":"\u0061nn"}';

my @cases = (
	['/key?u=ann', $by_key->('ann')],
	['/key?u=ben', $by_key->('ben')],
	['/key?u=Ann', $by_key->('Ann')],
	['/key?u=nobody', sub { 0 }],
	['/fixed', $by_key->('ann')],
	['/prefix?u=an', sub { ($_->{key} // '') =~ /^an/ }],
	['/prefix?u=ann', sub { ($_->{key} // '') =~ /^ann/ }],
	['/in', sub { ($_->{key} // '') =~ /^(?:ann|ben)$/ },
		'X-List', " ann, ben,\t,ann"],
	['/in', $by_key->('z'), 'X-List', 'z'],
	['/header?u=ann', sub { (last_header($_, 'user') // '') eq 'ann' }],
	['/header?u=ben', sub { (last_header($_, 'user') // '') eq 'ben' }],
	['/json?u=ann', sub { $json{ $_->{value} // '' } }],
	['/json?u=ben', sub { ($_->{value} // '') =~ /^\{"user":"ben"/ }],
	['/number?u=1', sub { ($_->{value} // '') =~ /^\{"user".*"id":1\}/ }],
	['/number?u=1.0', sub { ($_->{value} // '') =~ /"id":1\.0/ }],
	['/both?u=ann', sub { ($_->{key} // '') eq 'ann'
		&& (last_header($_, 'user') // '') eq 'ann' }],
	['/all', sub { 1 }],
);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(4 * @cases + 1
	+ ($kafka ? 6 : 0));

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic $many;
        zone      c 32m;
        ring      256k;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_fields  partition offset value;

        location = /key {
            kafka_ws         c;
            kafka_ws_topic   $topic;
            kafka_ws_filter  key = \$arg_u;
        }

        location = /fixed {
            kafka_ws         c;
            kafka_ws_topic   $topic;
            kafka_ws_filter  key = ann;
        }

        location = /prefix {
            kafka_ws         c;
            kafka_ws_topic   $topic;
            kafka_ws_filter  key ^= \$arg_u;
        }

        location = /in {
            kafka_ws         c;
            kafka_ws_topic   $topic;
            kafka_ws_filter  key in \$http_x_list;
        }

        location = /header {
            kafka_ws         c;
            kafka_ws_topic   $topic;
            kafka_ws_filter  header:user = \$arg_u;
        }

        location = /json {
            kafka_ws         c;
            kafka_ws_topic   $topic;
            kafka_ws_filter  json:/user = \$arg_u;
        }

        location = /number {
            kafka_ws         c;
            kafka_ws_topic   $topic;
            kafka_ws_filter  json:/to/id = \$arg_u;
        }

        location = /both {
            kafka_ws         c;
            kafka_ws_topic   $topic;
            kafka_ws_filter  key = \$arg_u;
            kafka_ws_filter  header:user = \$arg_u;
        }

        location = /all {
            kafka_ws         c;
            kafka_ws_topic   $topic;
        }

        location = /text {
            kafka_ws         c;
            kafka_ws_topic   $topic;
            kafka_ws_format  text;
            kafka_ws_filter  key = \$arg_u;
        }

        location = /many {
            kafka_ws         c;
            kafka_ws_topic   $many;
            kafka_ws_start   earliest;
            kafka_ws_filter  key = \$arg_u;
        }
    }
}

EOT
###############################################################################

# which has no start event: it begins before those behind it
my $text = KafkaWS::Client->open($t->port(0), '/text?u=ann',
	format => 'text');
my @live = map { open_case($_) } @cases;

$_->wait_event('start', TIME) for @live;

$records[$_]{partition} = $_ % 2 for 0 .. $#records;

my @first = $b->produce($topic, @records);
my @second = $b->produce($topic, @records);

for my $i (0 .. $#cases) {
	my ($uri, $wants, @headers) = @{ $cases[$i] };
	my $name = join ' ', $uri, @headers;
	my @wanted = grep { local $_ = $records[$_]; $wants->() }
		0 .. $#records;
	my $expected = expected([@wanted, @wanted],
		[@first[@wanted], @second[@wanted]]);

	is_deeply(got($live[$i], 2 * @wanted), $expected, "$name: live");

	my $c = open_case($cases[$i], 'cursor=0:0,1:0');

	is_deeply(got($c, 2 * @wanted), $expected, "$name: from a cursor");

	# the place of a client is behind the records that it did not want

	is_deeply([$c->records(1, 0.1)], [], "$name: no more");

	my $none = grep { $_->{event} eq 'gap' } $live[$i]->events, $c->events;

	is($none, 0, "$name: no gap");
}

my @texts = map { $_->{value} } grep { ($_->{key} // '') eq 'ann'
	&& defined $_->{value} } @records;

is(join('|', sort map { $text->next_message(TIME)->{payload} }
	1 .. 2 * @texts), join('|', sort @texts, @texts), 'text');

older() if $kafka;

###############################################################################

# what the ring holds no more, and what comes meanwhile
sub older {
	my %bulk = (partitions => 2, count => MANY, size => 300, keys => KEYS,
		rate => MANY / 4);

	is($b->produce_bulk($many, %bulk)->{acked}, MANY, 'many records');

	my $more = $b->bulk_start($many, %bulk);
	my $old = KafkaWS::Client->open($t->port(0), '/many?u=k7');
	my $n = 2 * MANY / KEYS;
	my @got = $old->records($n, TIME);

	$more->result();

	is(scalar @got, $n, 'older records: all')
		or diag(join ' ', 'closed:', @{ $old->{close} // ['no'] });
	is(scalar(grep { $_->{partition} != 1 } @got), 0,
		'older records: no other');
	is_deeply([map { $_->{offset} } @got],
		[map { 3 + KEYS / 2 * $_ } 0 .. $n - 1],
		'older records: in order');
	is_deeply([$old->records(1, 0.1)], [], 'older records: no more');
	is(scalar(grep { $_->{event} eq 'gap' } $old->events), 0,
		'older records: no gap');
}

sub open_case {
	my ($case, $args) = @_;
	my ($uri, undef, @headers) = @$case;

	$uri .= ($uri =~ /\?/ ? '&' : '?') . $args if $args;

	return KafkaWS::Client->open($t->port(0), $uri,
		headers => \@headers);
}

# offsets of so many records, by partition
sub got {
	my ($c, $n) = @_;
	my %by;

	push @{ $by{ $_->{partition} } }, $_->{offset}
		for $c->records($n, TIME);

	return \%by;
}

sub expected {
	my ($which, $offsets) = @_;
	my %by;

	for my $i (0 .. $#$which) {
		push @{ $by{ $records[ $which->[$i] ]{partition} } },
			$offsets->[$i];
	}

	return \%by;
}

sub last_header {
	my ($r, $name) = @_;
	my @of = grep { $_->[0] eq $name } @{ $r->{headers} // [] };

	return @of ? $of[-1][1] : undef;
}

###############################################################################
