#!/usr/bin/perl

# A hundred thousand attempts to get at another topic, partition or user: by
# path, argument, header, credentials, subprotocol, cursor and a client's own
# filter, in all the ways that a name can be written.  None of them passes: each
# gets the answer that the documents say (KafkaWS::Oracle), and what is a stream
# brings nothing but its own records.
#
# TEST_ATTEMPTS: how many; TEST_ATTEMPTS_SEED: of those that are mixed

# brokers: kafka
# timeout: 300

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(sum0);
use MIME::Base64 qw(encode_base64);
use Test::More;

use KafkaWS::Attempts;
use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Mutate;
use KafkaWS::Nginx;
use KafkaWS::Oracle;
use KafkaWS::Pace qw(amount);

use constant {
	TIME => 20,
	ENDS => 8,		# characters at a name's end that are changed
	BAD => qr/^<html>\x0d\x0a<head><title>400 Bad Request</,
	DENIED => qr/^<html>\x0d\x0a<head><title>401 Authorization/,
};

my $attempts = amount($ENV{TEST_ATTEMPTS} // 105_000);
my $seed = $ENV{TEST_ATTEMPTS_SEED} // time;

srand $seed;

###############################################################################

my $b = KafkaWS::Broker->new();
my $base = $b->topic('try');
my @users = qw(alice bob);
my %password = (alice => 'pw-a', bob => 'pw-b');

# names that are near each other; how many partitions
my %topics = ("$base.a" => 4, map { $_ => 1 } $base, "__$base", "$base.b",
	map { "$base.$_" } qw(A aa a- a. a.b secret u u.alice u.bob u.Bob
	u.bob.b));

# keys, too: what is compared is bytes
my @keys = ('alice', 'bob', 'Alice', 'alice ', 'alic', 'alicea', 'al%69ce',
	"alic\xc3\xa9", '', undef);

$b->create_topic($_, partitions => $topics{$_}) for sort keys %topics;

my $oracle = KafkaWS::Oracle->new(exist => \%topics,
	allowed => ["$base.a", "$base.b", qr/^\Q$base\E\.u\.[a-z]+$/, qr/^__/,
	"$base.none"]);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(11 + commands());

$t->write_file('users', join '', map { "$_:{PLAIN}$password{$_}\n" } @users);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_rlimit_nofile  4096;

events {
    worker_connections  2048;
}

http {
    %%GLOBALS_HTTP%%

    access_log                   off;
    error_log                    %%TESTDIR%%/quiet.log warn;
    keepalive_requests           1000000;
    client_header_buffer_size    32k;
    large_client_header_buffers  8 32k;

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $base.a $base.b ~^$base\\.u\\.[a-z]+\$ ~^__ $base.none;
        zone     c 32m;
        ring     256k;
    }

    kafka_ws_fields  topic partition key value;
    kafka_ws_topic   $base.a;

    server {
        listen  127.0.0.1:%%PORT_0%% backlog=1024;

        location / {
            return  404 "nothing\\n";
        }

        location ~ ^/t/(?<topic>[^/]*)\$ {
            kafka_ws        c;
            kafka_ws_topic  \$topic;
        }

        location ~ ^/p/(?<part>[^/]*)\$ {
            kafka_ws        c;
            kafka_ws_topic  $base.u.\$part;
        }

        location = /q {
            kafka_ws        c;
            kafka_ws_topic  \$arg_topic;
        }

        location = /h {
            kafka_ws        c;
            kafka_ws_topic  \$http_x_topic;
        }

        location = /fixed {
            kafka_ws         c;
            kafka_ws_format  json text;
        }

        location = /one {
            kafka_ws            c;
            kafka_ws_partition  1;
        }

        location ~ ^/list/(?<list>[^/]*)\$ {
            kafka_ws            c;
            kafka_ws_partition  \$list;
        }

        location = /list {
            kafka_ws            c;
            kafka_ws_partition  \$arg_p;
        }

        location = /me {
            auth_basic            streams;
            auth_basic_user_file  %%TESTDIR%%/users;
            kafka_ws              c;
            kafka_ws_filter       key = \$remote_user;
        }

        location ~ ^/key/(?<key>[^/]*)\$ {
            kafka_ws         c;
            kafka_ws_filter  key = \$key;
        }

        location = /mine {
            kafka_ws            c;
            kafka_ws_partition  key=\$arg_u;
            kafka_ws_filter     key = \$arg_u;
        }

        location = /narrow {
            kafka_ws                c;
            kafka_ws_filter         key = alice;
            kafka_ws_client_filter  key;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

# what may not be had must be there: else nothing would be shown

KafkaWS::Client->open($t->port(0), "/t/$base.a")->wait_event('start', TIME)
	or die "no start event\n";

my (%seen, %due, %hash);
my $round = 0;
my $tries = KafkaWS::Attempts->new($t->port(0), records => \&records);

systematic();

my $systematic = keys %seen;

mixed() while keys(%seen) < $attempts;

$tries->finish();

my $count = $tries->count();

note("seed $seed: $systematic attempts by tables, "
	. (keys(%seen) - $systematic) . ' mixed; answers: '
	. join ', ', map { "$_ $count->{$_}" } sort keys %$count);

cmp_ok(keys %seen, '>=', amount(100_000), 'attempts');
is(join("\n", @{ $tries->wrong() }), '', "each gets its answer, seed $seed");
cmp_ok($count->{101}, '>=', amount(1000), 'streams of what is theirs');
is(sum0(values %$count), keys %seen, 'as many answers');

# each refusal is counted as what it is

my $status = $t->status()->{clusters}[0];
my $refused = $status->{refusals};

is($refused->{$_}, $due{$_}, "refusals: $_")
	for qw(topic partition filter cursor subprotocol method);
is_deeply([sort map { $_->{topic} } @{ $status->{topics} }],
	[sort "$base.a", "$base.b", "$base.u.alice", "$base.u.bob"],
	'nothing else is fetched');

###############################################################################

# Commands where there are none: whatever a message asks for ends the stream.
# Attempts where there are some: t/kafka_ws_commands_canary.t.

for my $text (commands()) {
	my $c = KafkaWS::Client->open($t->port(0), '/fixed');

	$c->send_text($text);
	is(($c->wait_close(TIME))[0], 1003, substr "command: $text", 0, 60);
}

sub commands {
	return map { sprintf '{"command":"%s","id":1,"topic":"%s"}', @$_ }
		['subscribe', "$base.secret"], ['subscribe', "$base.b"],
		['subscribe', '__consumer_offsets'], ['seek', "$base.b"];
}

###############################################################################

# the tables: each place where a name is said, each name, each way to write it

sub systematic {
	my @all = KafkaWS::Mutate::all(ENDS);

	for my $door (doors()) {
		my ($place, $names) = @$door;

		for my $name (@$names) {
			attempt($place, $_->($name)) for @all;
		}
	}

	headers();
	protocols();
	forms();
}

# several ways at once, anywhere
sub mixed {
	my @all = KafkaWS::Mutate::all(ENDS);
	my @doors = grep { $_->[0] !~ /^(?:key|mine)$/ } doors();

	for (1 .. 1000) {
		my ($place, $names) = @{ $doors[rand @doors] };
		my $text = $names->[rand @$names];

		for (1 .. 2 + rand 2) {
			$text = $all[rand @all]->($text) // $text;
		}

		attempt($place, $text, rand() < 0.3 ? ignored() : ());
	}
}

# place => what is asked for there
sub doors {
	my @topics = (sort(keys %topics), "$base.none", "$base.u.",
		'__consumer_offsets', '.', '..');
	my @parts = (qw(bob Bob secret bob.b), '', '..');
	my @lists = split / /, '0 1 3 4 all 0-3 0,2 1-1 2-9 4294967297 -1 01';
	my @cursors = split / /, '0:0 1:0 1:0,0:0 2:0 1:1,1:1 4294967297:0 '
		. '1:00 -1:0 01:0 1:9223372036854775808 3:5';
	my @logins = map { my $user = $_; map { "$user:$_" }
		'', values %password } @users, 'carol';

	return (['t', \@topics], ['q', \@topics], ['h', \@topics],
		['p', \@parts], ['list', \@lists], ['p list', \@lists],
		['cursor', \@cursors], ['fixed cursor', \@cursors],
		['login', \@logins], ['mine', [qw(alice bob)]],
		['key', [qw(alice bob)]], ['narrow', [qw(alice bob)]],
		['narrow by', [qw(key header:to)]]);
}

# A place, what is written there, and more headers.  Who asks twice in the
# same words asks once.
sub attempt {
	my ($place, $text, @more) = @_;

	# a longer line is refused by nginx itself
	return unless defined $text && length $text < 16_000;

	my %target = (t => '/t/', p => '/p/', q => '/q?topic=',
		list => '/list/', 'p list' => '/list?p=', key => '/key/',
		cursor => '/one?cursor=', 'fixed cursor' => '/fixed?cursor=',
		mine => '/mine?u=', narrow => '/narrow?key=',
		'narrow by' => '/narrow?key=alice&');
	my $target = $place eq 'h' ? '/h' : $place eq 'login' ? '/me'
		: $target{$place} . $text;

	$target .= '=bob' if $place eq 'narrow by';

	my %said;

	if ($place eq 'h') {
		$said{topic} = $text;
		unshift @more, "X-Topic: $text";

	} elsif ($place eq 'login') {
		$said{login} = 'Basic ' . encode_base64($text, '');
		unshift @more, "Authorization: $said{login}";
	}

	ask($target, \%said, @more);
}

sub ask {
	my ($target, $said, @more) = @_;
	my $method = $said->{method} // 'GET';
	my $request = join "\x0d\x0a", "$method $target HTTP/1.1",
		'Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade',
		'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
		'Sec-WebSocket-Version: 13', @more, '', '';

	return if $seen{$request}++;

	my ($status, $body, $reason) = expected($target, $said);

	$due{$reason}++ if $reason;
	$tries->add($request, $status, $body);
}

# what the documents and the configuration say
sub expected {
	my ($target, $said) = @_;
	my ($path, $args) = KafkaWS::Oracle::uri($target);

	return (400, BAD) unless defined $path;

	my $arg = sub { KafkaWS::Oracle::arg($args, $_[0]) };
	my %want = place($path, $arg, $said);

	return (404, "nothing\n") unless %want;
	return (401, DENIED) if $path eq '/me' && $want{key} eq '';
	return (405, "the method is not GET\n", 'method')
		if defined $said->{method};

	my ($protocol, @not) = KafkaWS::Oracle::protocol($said->{protocol},
		'kafka.json.v1', $path eq '/fixed' ? 'kafka.text.v1' : ());

	return ($protocol, @not) if @not;
	return @not if @not = $oracle->topic($want{topic});

	return (403, "no key to choose a partition by\n", 'partition')
		if $path eq '/mine' && $want{key} eq '';

	(my $partitions, @not) = KafkaWS::Oracle::partitions($want{list},
		$topics{ $want{topic} });

	return ($partitions, @not) if @not;

	return (403, "nothing to filter by\n", 'filter')
		if defined $want{key} && $want{key} eq '';

	if ($path eq '/narrow') {
		(my $narrow, @not) = KafkaWS::Oracle::narrow($args, 'key');

		return ($narrow, @not) if @not;

		# another key than the operator's: nothing
		$want{key} = 'nobody' if ($narrow->{key} // $want{key})
			ne $want{key};
	}

	return @not if @not = KafkaWS::Oracle::cursor($arg->('cursor'),
		$partitions);

	return (101, { topic => $want{topic}, key => $want{key},
		partitions => $partitions, protocol => $$protocol,
		bare => ($$protocol // '') eq 'kafka.text.v1',
		older => $arg->('cursor') ne '' });
}

# returns: the topic, list of partitions and key that a location has
sub place {
	my ($path, $arg, $said) = @_;
	my %want = (topic => "$base.a", list => 'all');

	return (%want, topic => $1) if $path =~ m{^/t/([^/]*)$};
	return (%want, topic => "$base.u.$1") if $path =~ m{^/p/([^/]*)$};
	return (%want, list => $1) if $path =~ m{^/list/([^/]*)$};
	return (%want, key => $1) if $path =~ m{^/key/([^/]*)$};

	my %fixed = ('/fixed' => {}, '/one' => { list => 1 },
		'/q' => { topic => $arg->('topic') },
		'/h' => { topic => ($said->{topic} // '')
			=~ s/^ +| +\z//gr },
		'/list' => { list => $arg->('p') },
		'/me' => { key => KafkaWS::Oracle::user($said->{login},
			\%password) },
		'/mine' => { key => $arg->('u') },
		'/narrow' => { key => 'alice' });
	my $here = $fixed{$path} or return;

	$here->{list} = hash($here->{key})
		if $path eq '/mine' && $here->{key} ne '';

	return (%want, %$here);
}

# the partition of a key, as Java's producer has it
sub hash {
	my ($key) = @_;

	return $hash{$key} //= $b->ask("murmur2 $topics{\"$base.a\"} "
		. unpack 'H*', $key) =~ /(\d+)$/ ? $1 : die "no murmur2\n";
}

###############################################################################

# headers that have no say
sub headers {
	my @lines = map { my $name = $_; map { "$name: $_" }
		values_of_headers() } header_names();
	my $alice = 'Basic ' . encode_base64('alice:pw-a', '');

	for my $line (@lines) {
		ask('/fixed', {}, $line);
		ask('/one', {}, $line);
		ask('/me', { login => $alice }, "Authorization: $alice",
			$line);
		ask('/me', {}, $line);
		ask("/t/$base.secret", {}, $line);
		ask("/q?topic=$base.secret", {}, $line);
	}
}

sub header_names {
	return qw(X-Kafka-Topic X_Topic Topic X-Original-URL X-Rewrite-URL
		X-Accel-Redirect X-Forwarded-Uri X-Forwarded-Host
		X-HTTP-Method-Override Forwarded Remote-User X-Remote-User
		X-Forwarded-User Cookie Cursor Last-Event-ID Referer Range
		Content-Location X-Partition Via Proxy-Authorization);
}

sub values_of_headers {
	return ("$base.secret", "/t/$base.secret", "topic=$base.secret",
		"topic=$base.b; user=bob; cursor=0:0", 'bob',
		'for=127.0.0.1;host=inner', "/q?topic=$base.secret",
		'Basic ' . encode_base64('bob:pw-b', ''), '0:0,1:0');
}

# other methods, and the whole URL
sub forms {
	for my $path ('/fixed', '/one', "/t/$base.b", "/t/$base.secret",
		'/me', '/key/bob', '/p/bob', "/q?topic=$base.secret", '/none')
	{
		ask($path, { method => $_ }) for qw(POST PUT DELETE OPTIONS
			PATCH PROPFIND);
		ask("$_$path", {}) for 'http://localhost', 'http://inner',
			'https://localhost:443', 'http://', 'ftp://a', '//a',
			'/\\a', '/%2e', '/.%2e', '/x/..', '/%2f';
	}
}

# one of them, or two
sub ignored {
	my @names = header_names();
	my @values = values_of_headers();

	return map { $names[rand @names] . ': ' . $values[rand @values] }
		1 .. 1 + rand 2;
}

sub protocols {
	my @names = ('kafka.json.v1', 'kafka.text.v1', 'kafka.binary.v1',
		'KAFKA.JSON.V1', 'kafka.json.v1.', "$base.secret", 'topic',
		"topic=$base.secret", "topic.$base.secret", '', ' ', 'a b',
		"kafka.json.v1;topic=$base.secret", "/t/$base.secret",
		'kafka.json.v1%00', "\xc0\xae", '"kafka.json.v1"', 'bob');
	my @offers = (@names, map { my $name = $_; map { ("$name,$_",
		"$_ , $name") } @names } @names);

	for my $offer (@offers) {
		ask($_, { protocol => $offer },
			"Sec-WebSocket-Protocol: $offer")
			for '/fixed', '/one', "/t/$base.secret", '/mine?u=bob';
	}
}

# what is new: a record of each key on each partition of all topics
sub records {
	my %new;

	$round++;

	for my $topic (sort keys %topics) {
		my @records;

		for my $p (0 .. $topics{$topic} - 1) {
			for my $key ($topic eq "$base.a" ? @keys : @users) {
				my $named = $key // 'null';
				my $value = "$topic|$p|$named|$round";

				push @records, { partition => $p,
					key => $key, value => $value };

				$named = qq{"$named"} if defined $key;

				my $json = qq<{"topic":"$topic","partition":$p>
					. qq<,"key":$named,"value":"$value"}>;

				$new{$value} = [$topic, $p, $key, 1];
				$new{$json} = [$topic, $p, $key];
			}
		}

		$b->produce($topic, @records);
	}

	return \%new;
}
