#!/usr/bin/perl

# kafka_ws_client_filter: a client narrows its stream by arguments of its URL,
# and gets no record that it would not get without them.  Which records those
# are is computed here from what was produced.

# brokers: kafka mock
# timeout: 180

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

use constant TIME => 30;

my $json = JSON::PP->new();
my $long = 'k' x 1024;

# the records: key, header "user", value of /a/b
my @records = map { my ($key, $user) = @$_; map { [$key, $user, $_] }
	1, '1', 'x', undef } ['alice', 'x'], ['alice', 'y'], ['bob', 'x'],
	['bob', 'y'], ['alice'], [undef, 'x'], ['al'];

push @records, map { [$_, 'x', 'x'] } 'a+b', 'a b', '%61', 'a&b', 'a=b', '=',
	"\xff\x01", "a\0b", 'a', "\0", 'ALICE', $long, "${long}k";

# URIs, and what they are to get
my @cases = (
	# one field, and several
	['/plain', sub { 1 }],
	['/plain?key=alice', key('alice')],
	['/plain?x&key=bob&y=key', key('bob')],
	['/plain?header:user=x', user('x')],
	['/plain?json:/a/b=1', json('1')],
	['/plain?json:/a/b=x&key=alice&header:user=y',
		all(key('alice'), user('y'), json('x'))],
	['/plain?header:user=y&key=alice', all(key('alice'), user('y'))],
	['/plain?key=nobody', sub { 0 }],
	['/plain?key=al', key('al')],

	# in any encoding, undone once
	['/plain?%6bey=al%69ce', key('alice')],
	['/plain?header%3Auser=%78', user('x')],
	['/plain?json%3a%2Fa%2fb=%31', json('1')],
	['/plain?key=a+b', key('a+b')],
	['/plain?key=a%2bb', key('a+b')],
	['/plain?key=a%20b', key('a b')],
	['/plain?key=%2561', key('%61')],
	['/plain?key=a%26b', key('a&b')],
	['/plain?key=a=b', key('a=b')],
	['/plain?key==', key('=')],
	['/plain?key=%ff%01', key("\xff\x01")],
	['/plain?key=a%00b', key("a\0b")],
	['/plain?key=a', key('a')],
	['/plain?key=%00', key("\0")],
	['/plain?key=a%00', sub { 0 }],
	["/plain?key=$long", key($long)],
	['/plain?key=' . '%6B' x 1024, key($long)],

	# others' arguments
	['/plain?KEY=alice&Key=&keys=&ke=%&key%00=a&%256bey=a', sub { 1 }],
	['/plain?Header:user=x&header=x&user=x&json/a/b=1&json', sub { 1 }],
	['/plain?;key=alice', sub { 1 }],
	['/plain?header%=x&%zkey=a&&=&=key=a&', sub { 1 }],

	# what the operator says still holds
	['/bound', key('alice')],
	['/bound?key=alice', key('alice')],
	['/bound?key=bob', sub { 0 }],
	['/bound?header:user=x', all(key('alice'), user('x'))],
	['/bound?header:user=x&key=bob', sub { 0 }],
	['/prefix?key=alice', key('alice')],
	['/prefix?key=bob', sub { 0 }],
	['/prefix?key=al', key('al')],
	['/list?u=alice,bob', sub { key('alice')->(@_) || key('bob')->(@_) }],
	['/list?u=alice,bob&key=bob', key('bob')],
	['/list?u=alice,bob&key=al', sub { 0 }],
	['/list?u=alice&key=bob', sub { 0 }],
	['/constant?key=bob', all(json('x'), key('bob'))],

	# levels
	['/inherited?key=bob', key('bob')],
	['/own?header:user=x', user('x')],
	['/off?key=bob&key=alice&header:x=1&json:%', sub { 1 }],
	['/outer/inner?key=bob', sub { 1 }],
	['/blocks?if=1&key=bob', key('bob')],
	['/encoded?header:a%26b%3dc=1&json:=1', sub { 0 }],
);

# refusals: URI, status, what it says
my @refused = (
	['/plain?key=', 400, 'filter "key" is empty'],
	['/plain?key', 400, 'filter "key" is empty'],
	['/plain?a=1&key&b=2', 400, 'filter "key" is empty'],
	['/plain?key=a&header:user=', 400, 'filter "header:user" is empty'],
	['/plain?key=a&key=a', 400, 'filter "key" is given twice'],
	['/plain?key=a&x=1&%6Bey=b', 400, 'filter "key" is given twice'],
	['/plain?json:/a/b&json:/a/b=1', 400,
		'filter "json:/a/b" is empty'],
	['/plain?key=%', 400, 'filter "key" has invalid percent-encoding'],
	['/plain?key=%4', 400, 'filter "key" has invalid percent-encoding'],
	['/plain?key=a%gg', 400, 'filter "key" has invalid percent-encoding'],
	["/plain?key=${long}k", 400, 'filter "key" is longer than 1024 bytes'],
	['/encoded?header:a%26b%3dc', 400, 'filter "header:a&b=c" is empty'],
	["/plain?key=$long$long", 400,
		'filter "key" is longer than 1024 bytes'],
	['/plain?' . join('&', map { "key=$_" } 1 .. 999), 400,
		'filter "key" is given twice'],
	['/plain?key=a&json:/a/b=1&header:user=x&key=b', 400,
		'filter "key" is given twice'],

	# by what is not listed
	['/plain?header:User=x', 403, not_for_clients('header:User')],
	['/plain?key=alice&header:user2=x', 403,
		not_for_clients('header:user2')],
	['/plain?header:=x', 403, not_for_clients('header:')],
	['/plain?%68eader%3auser%00=x', 403,
		not_for_clients('%68eader%3auser%00')],
	['/plain?header:%zz=x', 403, not_for_clients('header:%zz')],
	['/plain?header:"=x', 403, not_for_clients('header:\\x22')],
	['/plain?json:/a=1', 403, not_for_clients('json:/a')],
	['/plain?json:/a/b/=1', 403, not_for_clients('json:/a/b/')],
	['/plain?json:a', 403, not_for_clients('json:a')],
	['/inherited?header:user=x', 403, not_for_clients('header:user')],
	['/own?key=bob', 403, not_for_clients('key')],
	['/own?%6bey', 403, not_for_clients('%6bey')],
	['/list?key=', 403, 'nothing to filter by'],
	['/list?u=a&key=', 400, 'filter "key" is empty'],
	['/inherited?key=', 400, 'filter "key" is empty'],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('client-filter'));

my $t = KafkaWS::Nginx->new(broker => $b)
	->plan(3 * @cases + 2 * @refused + 8);

conf('key header:user json:/a/b');
$t->run();

###############################################################################

# live: each URI has its stream before there is any record

my $reader = started('/off', -1);
my @clients = map { started($_->[0], -1) } @cases;

produce($topic, @records);

# once one client has all of it, and every one an answer after that, the worker
# has none to give any more

is(scalar(() = $reader->records(scalar @records, TIME)), @records,
	'live: all records');
ponged($_) for @clients;

for my $i (0 .. $#cases) {
	my ($uri, $condition) = @{ $cases[$i] };

	is(got($clients[$i]), wanted($condition), name("live: $uri"));
	leave($clients[$i]);
}

# the log knows that nothing else was sent, and that all was looked at

for my $case (@cases) {
	my $line = logged($case->[0]);
	my $count = split ' ', wanted($case->[1]);

	is("@$line{qw(cursor records)}", '0:' . @records . " $count",
		name("log: $case->[0]"));
}

is(logged('/list?u=alice,bob&key=bob')->{filter},
	'key in "alice", "bob" and key = "bob"', 'log: both filters');

# the same records again, by a cursor

for my $case (@cases) {
	my $c = started($case->[0], 0);

	ponged($c);
	is(got($c), wanted($case->[1]), name("cursor: $case->[0]"));
	$c->disconnect();
}

# refused

for my $case (@refused) {
	my ($uri, $status, $text) = @$case;
	my $r = KafkaWS::Client->connect($t->port(0), $uri);

	is($r->status, $status, name("refused: $uri"));
	is($r->body, "$text\n", name("refused: $uri: $text"));
}

is($t->status()->{clusters}[0]{refusals}{filter}, scalar @refused,
	'refused: all of them are counted as filters');

# reloads: a field more or less makes other rings

my $c = started('/plain?key=bob', 0);

ponged($c);
got($c);
conf('header:user key header:more');
$t->reload();
is(($c->wait_close(TIME))[0], 1012, 'reload: close');
loaded(@records);

$c = started('/plain?key=bob&header:user=y', 0);
ponged($c);
is(got($c), wanted(all(key('bob'), user('y'))), 'reload: the same records');
produce($topic, ['bob', 'y', 'x'], ['bob', 'x', 'x'], ['bob', 'y', 'x']);
is(join(' ', map { $_->{offset} } $c->records(2, TIME)),
	@records . ' ' . (@records + 2), 'reload: and new ones');

is(KafkaWS::Client->connect($t->port(0), '/plain?json:/a/b=1')->status, 403,
	'reload: a field that is not listed any more');

conf('off');
$t->reload();
loaded(@records, 1 .. 3);
$c = started('/plain?key=bob', 0);
ponged($c);
is(() = got($c) =~ /\d+/g, @records + 3, 'off: all of it');

###############################################################################

sub conf {
	my ($fields) = @_;

	$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

worker_processes  1;

events {
}

http {
    %%GLOBALS_HTTP%%

    large_client_header_buffers  4 32k;

    log_format  stream  escape=none '\$request_uri|\$kafka_ws_cursor|'
                                    '\$kafka_ws_records|\$kafka_ws_filter';

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 32m;
        ring      1m;
        preload   records=100;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_fields  topic partition offset;
    kafka_ws_drain   0s;
    access_log       %%TESTDIR%%/stream.log stream;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_topic          $topic;
        kafka_ws_client_filter  key;

        location /plain {
            kafka_ws                c;
            kafka_ws_client_filter  $fields;
        }

        location /bound {
            kafka_ws                c;
            kafka_ws_filter         key = alice;
            kafka_ws_client_filter  key header:user;
        }

        location /prefix {
            kafka_ws         c;
            kafka_ws_filter  key ^= al;
        }

        location /list {
            kafka_ws         c;
            kafka_ws_filter  key in \$arg_u;
        }

        location /constant {
            kafka_ws         c;
            kafka_ws_filter  json:/a/b = x;
        }

        location /inherited {
            kafka_ws  c;
        }

        location /own {
            kafka_ws                c;
            kafka_ws_client_filter  header:user;
        }

        location /off {
            kafka_ws                c;
            kafka_ws_client_filter  off;
        }

        location /outer {
            kafka_ws_client_filter  off;

            location /outer/inner {
                kafka_ws  c;
            }
        }

        location /blocks {
            kafka_ws  c;

            if (\$arg_if) {
                set  \$unused 1;
            }
        }

        location /encoded {
            kafka_ws                c;
            kafka_ws_client_filter  header:a&b=c json:;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT
}

# from: the cursor, or -1: new records only
sub started {
	my ($uri, $from) = @_;
	my $cursor = $from < 0 ? '' : ($uri =~ /\?/ ? '&' : '?')
		. "cursor=0:$from";
	my $c = KafkaWS::Client->open($t->port(0), "$uri$cursor",
		timeout => TIME);

	$c->wait_event('start', TIME);

	return $c;
}

# what is there for a client of all of it; a helper that is new has it soon
sub loaded {
	my (@all) = @_;
	my $c;

	wait_for(TIME, sub {
		$c = KafkaWS::Client->connect($t->port(0), '/off?cursor=0:0');
		return $c->status == 101;
	}) or die "no stream\n";

	$c = started('/off', 0);
	$c->records(scalar @all, TIME) == @all or die "not all records\n";
}

sub produce {
	my ($topic, @what) = @_;

	$b->produce($topic, map {
		my ($key, $user, $value) = @$_;

		{ key => $key, value => $json->encode({ a => { b => $value } }),
			headers => [defined $user ? ['user', $user] : ()] }
	} @what);
}

# conditions on a record
sub key {
	my ($key) = @_;

	return sub { defined $_[0][0] && $_[0][0] eq $key };
}

sub user {
	my ($user) = @_;

	return sub { defined $_[0][1] && $_[0][1] eq $user };
}

sub json {
	my ($value) = @_;

	return sub { defined $_[0][2] && $_[0][2] eq $value };
}

sub all {
	my @conditions = @_;

	return sub { my @r = @_; !grep { !$_->(@r) } @conditions };
}

# offsets
sub wanted {
	my ($condition) = @_;

	return join ' ', grep { $condition->($records[$_]) } 0 .. $#records;
}

sub got {
	my ($c) = @_;
	my @offsets;

	while (my $m = $c->take(0, sub { !defined $_[0]{event} })) {
		push @offsets, $m->{offset};
	}

	return join ' ', @offsets;
}

# what was sent before is here now
sub ponged {
	my ($c) = @_;

	$c->ping('');
	defined $c->wait_pong(TIME) or die "no pong for $c->{uri}\n";
}

sub leave {
	my ($c) = @_;

	$c->close(1000);
	$c->wait_close(TIME);
	$c->disconnect();
}

sub logged {
	my ($uri) = @_;
	my (%line, $text);

	wait_for(TIME, sub { ($text) = $t->read_testfile('stream.log')
		=~ /^\Q$uri\E\|(.*)/m }) or die "no line of $uri\n";

	@line{qw(cursor records filter)} = split /\|/, $text, -1;

	return \%line;
}

sub not_for_clients {
	return qq{filter "$_[0]" is not for clients to filter by};
}

sub name { return substr $_[0], 0, 60 }

###############################################################################
