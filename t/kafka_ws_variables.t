#!/usr/bin/perl

# $kafka_ws_* in the access log: what a stream was, and how much of it, in the
# very numbers that its client has seen, however it ends.  Before there is a
# stream its topic and partitions are known, for limits and auth_request; the
# value that was told is the one that is streamed.

# brokers: kafka mock
# timeout: 180

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);
use KafkaWS::Ports;

use constant { TIME => 30, MANY => 40 };

# the fields of the log's lines
my @names = qw(uri status topic partition filter cursor records skipped bytes
	close duration ended);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('variables'), partitions => 3);
my $many = $b->create_topic($b->topic('variables-many'), partitions => MANY);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(71);
my $slow = KafkaWS::Ports::reserve();
my $log = join "\t", '$request_uri', '$status',
	(map { "\$kafka_ws_$_" } @names[2 .. $#names - 1]), '$ended';

my $none = join ',', map { "\$kafka_ws_$_" } @names[2 .. $#names - 1];

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  1;

events {
}

http {
    %%GLOBALS_HTTP%%

    log_format  stream  escape=none '$log';
    log_format  escaped '\$kafka_ws_filter \$kafka_ws_close';

    kafka_ws_cluster c {
        brokers     %%BROKERS%%;
        topics      $topic $many;
        zone        c 64m;
        ring        256k;
        max_record  20k;
        preload     off;
        property    fetch.wait.max.ms 5;
    }

    map  \$kafka_ws_close  \$ended {
        1000     well;
        1012     reload;
        default  other;
    }

    # evaluated anew whenever it is asked for
    map  \$arg_topic  \$counted_topic {
        volatile;
        default  \$arg_topic;
    }

    map  \$arg_list  \$counted_list {
        volatile;
        default  \$arg_list;
    }

    limit_conn_zone  \$kafka_ws_topic:\$kafka_ws_partition  zone=stream:1m;

    kafka_ws_topic  $topic;
    kafka_ws_ping   5m;
    kafka_ws_drain  1s;

    server {
        listen  127.0.0.1:%%PORT_0%%;
        access_log  %%TESTDIR%%/stream.log stream;

        location /plain {
            kafka_ws  c;
        }

        location /many {
            kafka_ws        c;
            kafka_ws_topic  $many;
        }

        location /key {
            kafka_ws            c;
            kafka_ws_topic      $many;
            kafka_ws_partition  key=\$arg_u;
        }

        location /filter {
            access_log       %%TESTDIR%%/stream.log stream;
            access_log       %%TESTDIR%%/escaped.log escaped;
            kafka_ws         c;
            kafka_ws_filter  key = \$http_x_user;
            kafka_ws_filter  header:type in token,done;
        }

        location /text {
            kafka_ws         c;
            kafka_ws_format  text;
        }

        location /deflate {
            kafka_ws          c;
            kafka_ws_deflate  on;
        }

        location /slow {
            kafka_ws           c;
            kafka_ws_slow      skip lag=1s buffer=8k;
            kafka_ws_backfill  off;
        }

        location /gap {
            kafka_ws      c;
            kafka_ws_gap  close;
        }

        location /limited {
            error_log           %%TESTDIR%%/counted.log debug;
            limit_conn          stream 1;
            kafka_ws            c;
            kafka_ws_topic      \$counted_topic;
            kafka_ws_partition  \$counted_list;
        }

        location /asks {
            auth_request    /asked;
            kafka_ws        c;
            kafka_ws_topic  \$arg_topic;
        }

        location = /asked {
            internal;
            proxy_pass        http://127.0.0.1:%%PORT_0%%/answer;
            proxy_set_header  X-Topic \$kafka_ws_topic:\$kafka_ws_partition;
        }

        location = /answer {
            if (\$http_x_topic != "$many:all") {
                return  403;
            }

            return  204;
        }

        location /mirrored {
            mirror    /copy;
            kafka_ws  c;
        }

        location = /copy {
            internal;
            log_subrequest  on;
            access_log      %%TESTDIR%%/copy.log stream;
            proxy_pass      http://127.0.0.1:$slow;
        }

        # another location's value is not kept for this one
        location /rewritten {
            kafka_ws        c;
            kafka_ws_topic  $many;
            set             \$before \$kafka_ws_topic;
            rewrite         ^ /plain?rewritten last;
        }

        location /page {
            kafka_ws    c;
            error_page  426 /sorry;
        }

        location = /sorry {
            internal;
            return  200 "\$kafka_ws_topic sorry";
        }

        location = /none {
            return  200 "$none";
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $helper = started('/plain?helper');

# closed by the client

my $begin = now();
my $c = started('/plain?closed');

produce({ value => 'a' x 125 }, { value => "\x{e9}" x 126, key => 'k' },
	{ value => 'x' x 19_000, partition => 2 }, { value => undef });
take($c, 4);
select undef, undef, undef, 0.2;
leave($c, 4321);

my $line = logged('/plain?closed');
my $took = now() - $begin;

told($c, $line);
is($line->{topic}, $topic, 'closed: topic');
is($line->{partition}, 'all', 'closed: partitions');
is($line->{filter}, '', 'closed: no filter');
is($line->{records}, 4, 'closed: records');
is($line->{close}, 4321, 'closed: the code of the client');
is($line->{ended}, 'other', 'closed: a map of it');
like($line->{duration}, qr/^\d+\.\d{3}$/, 'closed: duration');
cmp_ok($line->{duration}, '>=', 0.19, 'closed: as long as it took');
cmp_ok($line->{duration}, '<=', $took + 0.02, 'closed: not longer');

# nobody said Close

$c = started('/plain?cut&cursor=0:0,1:0,2:0');
take($c, 4);
$c->disconnect();

$line = logged('/plain?cut');
told($c, $line);
is($line->{close}, 1006, 'cut: the code of the counters');

# it never started: who is ahead waits, and a Close comes with the request

$c = KafkaWS::Client->connect($t->port(0), '/plain?early&cursor=0:9999',
	body => KafkaWS::WebSocket::frame(8, pack 'n', 1000), close_sent => 1);
$c->wait_close(TIME);
$c->disconnect();
$line = logged('/plain?early');
is("@$line{qw(cursor records skipped bytes close)}", ' 0 0 0 1000',
	'early: nothing was sent');

# partitions: more than a Close has room for; some; one by a key

$b->produce($many, map { { partition => $_, value => "v$_" } } 0 .. MANY - 1);

$c = started('/many?all&cursor=' . join(',', map { "$_:0" } 0 .. MANY - 1));
take($c, MANY);
leave($c);

$line = logged('/many?all');
told($c, $line);
is($line->{cursor}, join(',', map { "$_:1" } 0 .. MANY - 1),
	'many: the whole cursor');
is($line->{ended}, 'well', 'many: a map of the code');

$c = started("/limited?topic=$many&list=7,3-5,4");
$b->produce($many, map { { partition => $_, value => "w" } } 0 .. MANY - 1);
take($c, 4);
leave($c);

$line = logged("/limited?topic=$many&list=7");
told($c, $line);
is($line->{partition}, '3-5,7', 'list: as it is streamed');

$c = started('/key?u=alice');
my ($chosen) = keys %{ $c->{position}{''} };
leave($c);
is(logged('/key?u=alice')->{partition}, $chosen, 'key: its partition');
is(refused('/key?v=alice')->{partition}, '', 'key: none without a key');

# filters: what others get is not counted, live or behind

my @for = map { my $key = $_; map { { partition => 1, key => $key,
	value => "for $key", headers => [['type', $_]] } } qw(token other) }
	qw(alice bob);
my %user = map { $_ => started("/filter?$_", headers => ['X-User', $_]) }
	qw(alice bob);

produce(@for, @for, @for);
take($user{$_}, 3) for qw(alice bob);
leave($_) for values %user;

for my $name (qw(alice bob)) {
	$line = logged("/filter?$name");
	told($user{$name}, $line);
	is($line->{records}, 3, "filter: $name has its own");
	is($line->{filter}, qq(key = "$name" and )
		. 'header:type in "token", "done"', "filter: what $name wants");
}

$c = started('/filter?again&cursor=1:0', headers => ['X-User', 'bob']);
take($c, 3);
leave($c);
$line = logged('/filter?again');
told($c, $line);
is($line->{records}, 3, 'filter: the same behind the others');

my $hostile = q(a" and key = "b\\) . "\x{1f}";

$c = started('/filter?hostile', headers => ['X-User', $hostile]);
leave($c);
is(logged('/filter?hostile')->{filter}, 'key = "a\\" and key = \\"b\\\\\\x1f"'
	. ' and header:type in "token", "done"', 'filter: a value in quotes');
ok(wait_for(TIME, sub { $t->read_testfile('escaped.log') =~ /a\\x5C\\x22 and/
	}), 'filter: and in the log as every value');
is(refused('/filter?nobody')->{filter}, '', 'filter: none without a value');
ok(wait_for(TIME, sub { $t->read_testfile('escaped.log') =~ /^- -$/m }),
	'filter: what is not found is "-"');

# formats

$c = started('/text?text', format => 'text');
produce({ value => 'seven..' }, { value => undef }, { value => '' });
is(join(',', map { $c->next_message(TIME)->{payload} } 1, 2), 'seven..,',
	'text: two messages');
leave($c);
$line = logged('/text?text');
is("@$line{qw(records bytes)}", '2 7', 'text: a tombstone is not sent');

$c = started('/deflate?deflate', extensions => 'permessage-deflate');
produce({ value => 'squeeze ' x 500 });
take($c, 1);
leave($c);
$line = logged('/deflate?deflate');
told($c, $line);
cmp_ok($line->{bytes}, '<', 1000, 'deflate: bytes as they were sent');

# gaps: too large, where offsets before it were never records; lost by one that
# is slow; told by a Close

$c = started('/plain?large');
$b->txn_abort($topic, { partition => 0, value => 'never' })
	if $b->has('isolation');
produce({ value => 'x' x 30_000 }, { value => 'x' });
take($c, 1);
leave($c);
$line = logged('/plain?large');
told($c, $line);
is($line->{skipped}, 1, 'too large: it is skipped');

my $closes = started('/gap?close');
$c = started('/slow?slow', rcvbuf => 32768);

for (1 .. 20) {
	produce(map { { value => "$_ " . 'x' x 12_000 } } 1 .. 10);
	take($_, 10) for $helper, $closes;
}

produce({ value => 'x' x 30_000 }, { value => 'last' });
take($c, undef, 'last');
leave($c);
$line = logged('/slow?slow');
told($c, $line);
cmp_ok($line->{skipped}, '>', 100, 'slow: most of it is lost');
cmp_ok($line->{records}, '>', 10, 'slow: some is not');

is((rest($closes))[0], 4410, 'gaps close: the code');
$line = logged('/gap?close');
told($closes, $line);
is("@$line{qw(skipped close)}", '0 4410', 'gaps close: no gap was told of');

# from below what is held: told at the start, or read again

for my $uri ('/slow?old', '/plain?older') {
	$c = started("$uri&cursor=0:0,1:0,2:0");
	take($c, undef, 'last');
	leave($c);
	$line = logged($uri);
	told($c, $line);
}

cmp_ok(logged('/slow?old')->{skipped}, '>', 100, 'old: most of it is lost');

# limits, by what will be streamed

$c = started("/limited?topic=$topic&list=0-2");
is(refused("/limited?topic=$topic&list=2,1,0")->{status}, 503,
	'limit: the same list in other words');

my $other = started("/limited?topic=$topic&list=0-1");

is(refused("/limited?topic=$topic&list=0,1")->{partition}, '0-1',
	'limit: partitions of one that is refused');
leave($_) for $c, $other;
logged("/limited?topic=$topic&list=0-$_") for 1, 2;
$c = started("/limited?topic=$topic&list=0-2&again");
leave($c);
is(logged("/limited?topic=$topic&list=0-2&again")->{status}, 101,
	'limit: and who comes later is not');

my %count;

$count{$_}++ for $t->read_testfile('counted.log')
	=~ /\[debug\] .* http map: "(7,3-5,4|0-2)"/g;

# by the limit, the handler and the log; two connections had "0-2"
is_deeply(\%count, { '7,3-5,4' => 1, '0-2' => 2 },
	'each value is evaluated once');

# who is asked whether it may be

$c = KafkaWS::Client->connect($t->port(0), "/asks?topic=$topic");
is($c->status, 403, 'auth_request: is told of a topic');

$c = started("/asks?topic=$many&allowed");
leave($c);
is(logged("/asks?topic=$many&allowed")->{topic}, $many,
	'auth_request: and of another');

# while there is a stream

my $server = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1',
	LocalPort => $slow, ReuseAddr => 1) or die "listen: $!\n";

$c = started('/mirrored?live');
my $s = $server->accept();
produce({ value => 'one' }, { value => 'two' });
take($c, 2);
sysread $s, my $request, 4096;
syswrite $s, "HTTP/1.1 204 no\x0d\x0aConnection: close\x0d\x0a\x0d\x0a";
$line = logged('/mirrored?live', 'copy.log');
told($c, $line, 'live');
is($line->{close}, '', 'live: it has no code yet');
produce({ value => 'three' });
take($c, 1);
leave($c);
told($c, logged('/mirrored?live'));

# what is refused

$line = refused('/many?cursor=99:1');
is("@$line{qw(status topic partition filter cursor records close)}",
	"400 $many all    ", 'refused: a bad cursor');
$line = refused('/limited?topic=__secret&list=x');
is("@$line{qw(status topic partition)}", '404 __secret ',
	'refused: a topic that is not allowed');
$line = refused('/limited?topic=&list=0');
is("@$line{qw(status topic partition)}", '404  0', 'refused: no topic');
$t->http_get('/plain?plain');
$line = logged('/plain?plain');
is("@$line{qw(status topic duration)}", "426 $topic ",
	'refused: no WebSocket');
is($t->http_get('/page')->body, ' sorry', 'refused: in the page there is none');
is($t->http_get('/none')->body, ',,,,,,,,', 'no stream: nothing is there');

# another location's

$c = started('/rewritten?x');
produce({ value => 'for all' });
is((take($c, 1))[0]{value}, 'for all', 'rewrite: the topic of the other');
leave($c);
is(logged('/rewritten?x')->{topic}, $topic, 'rewrite: in the log, too');

# a reload, and a stop

$c = started('/plain?reload');
produce({ value => 'before' });
take($c, 1);
$t->reload();

my ($code, $cursor) = rest($c);

is($code, 1012, 'reload: the code');
$line = logged('/plain?reload');
told($c, $line);
is($line->{cursor}, $cursor, 'reload: the cursor of the Close');
is("@$line{qw(close ended)}", '1012 reload', 'reload: the code in the log');

$c = started('/plain?stop');
produce({ value => 'before' });
take($c, 1);
$t->stop('TERM');
is((rest($c))[0], 1001, 'stop: the code');
$line = logged('/plain?stop');
told($c, $line);
is($line->{close}, 1001, 'stop: the code in the log');

###############################################################################

sub produce {
	$b->produce($topic, map { { partition => 0, %$_ } } @_);
}

sub started {
	my ($uri, @more) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri, timeout => TIME,
		@more);

	if ($c->{format} eq 'json') {
		$c->wait_event('start', TIME);
		$c->{seen} = { records => 0, bytes => 0, skipped => 0 };
	}

	# it has begun when one that came behind it has
	started('/plain?behind') if $c->{format} ne 'json';

	return $c;
}

# The end that a client wants, and nothing of nginx's waiting for it.
sub leave {
	my ($c, $code) = @_;

	$c->close($code // 1000);
	rest($c);
	$c->disconnect();
}

# Takes so many records, or all up to one, and counts what it sees meanwhile.
sub take {
	my ($c, $count, $last) = @_;
	my @records;

	while (defined $last || @records < $count) {
		my $m = $c->next_json(TIME) or last;

		if (($m->{event} // '') eq 'gap') {
			$c->{seen}{skipped} += $m->{to} - $m->{from} + 1;
		}

		next if defined $m->{event};

		my $frame = $c->{last_frame};

		$c->{seen}{records}++;
		$c->{seen}{bytes} += length($frame->{deflated}
			// $frame->{payload});
		push @records, $m;
		last if defined $last && $m->{value} eq $last;
	}

	return @records;
}

# what comes until the Close: of other partitions, some may be behind the last
sub rest {
	my ($c) = @_;

	take($c, undef, 'never') if $c->{seen};

	return $c->wait_close(TIME);
}

# the line of a request in the log, by the beginning of its URI
sub logged {
	my ($uri, $file) = @_;
	my (%line, $text);

	wait_for(TIME, sub {
		($text) = grep { index($_, $uri) == 0 } split /\n/,
			$t->read_testfile($file // 'stream.log');

		return defined $text;
	}) or die "no line of $uri\n";

	@line{@names} = split /\t/, $text, -1;

	return \%line;
}

sub refused {
	KafkaWS::Client->connect($t->port(0), @_);

	return logged(@_);
}

# the numbers in the log are those that the client has seen
sub told {
	my ($c, $line, $name) = @_;
	my %told = map { $_ => $line->{$_} } qw(records bytes skipped cursor);

	$name //= $c->{uri} =~ s/.*\?(\w+).*/$1/r;

	# the position is behind what others got, too
	delete $told{cursor} if $line->{filter} ne '';

	is_deeply(\%told, { %{ $c->{seen} },
		exists $told{cursor} ? (cursor => $c->cursor) : () },
		"$name: numbers");
}

###############################################################################
