#!/usr/bin/perl

# auth_request in front of a stream, alone and with satisfy: the server that is
# asked decides before the 101, its answer is passed on, and what it says of the
# user can choose the topic.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use MIME::Base64 qw(encode_base64);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Probe qw(request upgraded refused);

use constant { TIME => 10, PING => 9 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('auth'));
my $other = $b->create_topic($b->topic('auth-other'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(46);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic $other;
        zone      c 32m;
        property  fetch.wait.max.ms 5;
    }

    log_format  stream  '\$status \$bytes_sent \$user \$request_uri';
    map         \$http_x_user \$user { default -; }

    server_tokens      off;
    keepalive_timeout  60s;

    server {
        listen      127.0.0.1:%%PORT_0%%;
        access_log  %%TESTDIR%%/stream.log stream;

        kafka_ws_topic  $topic;

        location /stream {
            auth_request      /asked;
            auth_request_set  \$user \$upstream_http_x_user;
            auth_request_set  \$cookie \$upstream_http_set_cookie;
            add_header        X-User \$user always;
            add_header        Set-Cookie \$cookie always;
            kafka_ws          c;
        }

        location /chosen {
            auth_request      /asked;
            auth_request_set  \$wanted \$upstream_http_x_topic;
            kafka_ws          c;
            kafka_ws_topic    \$wanted;
        }

        location /file {
            auth_request  /asked;
            alias         %%TESTDIR%%/page.html;
        }

        location /gone {
            auth_request  /nobody;
            kafka_ws      c;
        }

        location /redirected {
            auth_request  /asked;
            error_page    401 =302 http://localhost/login;
            kafka_ws      c;
        }

        location /own-page {
            auth_request  /asked;
            error_page    401 /login;
            kafka_ws      c;
        }

        location = /login {
            internal;
            return  200 "please log in";
        }

        location /any {
            satisfy       any;
            deny          all;
            auth_request  /asked;
            kafka_ws      c;
        }

        location /either {
            satisfy               any;
            deny                  all;
            auth_basic            "streams";
            auth_basic_user_file  %%TESTDIR%%/passwd;
            kafka_ws              c;
        }

        location /all {
            satisfy               all;
            allow                 127.0.0.1;
            deny                  all;
            auth_request          /asked;
            auth_basic            "streams";
            auth_basic_user_file  %%TESTDIR%%/passwd;
            kafka_ws              c;
        }

        location = /asked {
            internal;
            proxy_pass               http://127.0.0.1:%%PORT_1%%;
            proxy_pass_request_body  off;
            proxy_set_header         Content-Length "";
        }

        location /late {
            auth_request  /asked-late;
            kafka_ws      c;
        }

        location = /asked-late {
            internal;
            proxy_pass  http://127.0.0.1:%%PORT_2%%;
        }

        location = /nobody {
            internal;
            proxy_pass  http://127.0.0.1:1;
        }

        location = /after {
            return  200 "after";
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }

    # who is asked

    server {
        listen      127.0.0.1:%%PORT_1%%;
        access_log  off;

        add_header  X-User ann;
        add_header  X-Topic $other;
        add_header  Set-Cookie a=b;

        if (\$http_x_user = ann) {
            return  204;
        }

        if (\$http_x_user = bob) {
            return  403;
        }

        if (\$http_x_user = carl) {
            return  500;
        }

        location / {
            add_header  WWW-Authenticate 'Bearer realm="streams"' always;
            return      401;
        }
    }
}

EOT

# crypt of "secret"
$t->write_file('passwd', 'ann:' . crypt('secret', 'ab') . "\n");
$t->write_file('page.html', 'a file')->run();

###############################################################################

open_as('/stream', 'ann')->disconnect();

my $p = KafkaWS::Probe->new($t);
my $basic = 'Authorization: Basic ' . encode_base64('ann:secret', '');
my @said = ('Set-Cookie: a=b', 'X-User: ann');

# who is let in

is($p->ask(request('/stream', more => 'X-User: ann')),
	upgraded(headers => \@said), 'a stream, with what auth_request_set');
is($p->ask(request('/either', more => $basic)), upgraded(),
	'satisfy any: by password');
is($p->ask(request('/all', more => [$basic, 'X-User: ann'])), upgraded(),
	'satisfy all');

my $open = open_as('/stream?mine', 'ann');
my $chosen = open_as('/chosen', 'ann');

$_->wait_event('start', TIME) for $open, $chosen;
$b->produce($topic, 'mine');
$b->produce($other, 'of the other topic');
is(($open->records(1, TIME))[0]{value}, 'mine', 'a record');
is(($chosen->records(1, TIME))[0]{value}, 'of the other topic',
	'the topic is chosen by who was asked');

# who is not: nginx's own answer, as for any location

for (
	['/stream', '401 Unauthorized', undef, 'Bearer realm="streams"'],
	['/stream', '500 Internal Server Error', 'carl'],
	['/gone', '500 Internal Server Error', 'ann'],
	['/chosen', '401 Unauthorized', undef, 'Bearer realm="streams"'],
	['/any', '401 Unauthorized', undef, 'Bearer realm="streams"'],
	['/either', '401 Unauthorized', 'ann', 'Basic realm="streams"'],
	['/all', '401 Unauthorized', 'ann', 'Basic realm="streams"'],
	['/all', '403 Forbidden', 'bob', undef, $basic],
	['/redirected', '302 Moved Temporarily', undef,
		'http://localhost/login Bearer realm="streams"'])
{
	my ($uri, $line, $who, $said, @more) = @$_;
	my $name = "$uri as " . ($who // 'nobody');
	my $got = $p->ask(request($uri,
		more => [@more, $who ? "X-User: $who" : ()]));

	like($got, qr/^HTTP\/1\.1 \Q$line\E\n/, "$name: $line");
	is(join(' ', $got =~ /^(?:WWW-Authenticate|Location): (.*)$/mg),
		$said // '', 'and what it says');
	unlike($got, qr/^(?:Upgrade|Sec-WebSocket)/m, 'nothing of a stream');
}

like($p->ask(request('/own-page')),
	qr/^HTTP\/1\.1 401 .*\nbody: please log in\nthen: kept$/s,
	'a page for those who are not let in');

# a handshake is looked at behind the permission, and refused as ever

is($p->ask(request('/stream', key => [], more => 'X-User: ann'))
	=~ s/^(?:Set-Cookie|X-User): .*\n//mgr, refused('key'),
	'let in, but without a key');
like($p->ask(request('/stream', key => [])), qr/^HTTP\/1\.1 401 /,
	'neither: the permission comes first');

# a page beside it

is($t->http_get('/file', headers => ['X-User', 'ann'])->body, 'a file',
	'a file');
is($t->http_get('/file', headers => ['X-User', 'bob'])->status, 403,
	'no file');

# while the answer is awaited

my $asked = IO::Socket::INET->new(Listen => 10, LocalAddr => '127.0.0.1',
	LocalPort => $t->port(2), ReuseAddr => 1) or die "listen: $!\n";

$asked->timeout(TIME);

my $c = $p->begin(request('/late') . ping('with it'), auto_pong => 0);
my $waiting = $asked->accept() // die "nobody is asked\n";

$c->raw_write(ping('meanwhile'));
$p->settle();
is($c->fill(0), 0, 'nothing before the answer');
answer($waiting, '204 No Content');
is((split /\n/, $c->upgrade())[0], 'HTTP/1.1 101 Switching Protocols',
	'then the stream');
ok($c->wait_event('start', TIME), 'its start');
is(join(', ', map { $c->wait_pong(TIME) } 1 .. 2), 'with it, meanwhile',
	'and an answer to each frame that came before it');
$c->disconnect();

$c = $p->begin(request('/late') . ping('with it'));
$waiting = $asked->accept() // die "nobody is asked\n";
answer($waiting, '403 Forbidden');
like(join("\n", $c->answer()), qr/^HTTP\/1\.1 403 /, 'or a refusal');

# gone before the answer, by FIN and RST, in the end all are gone

my @gone = map { $p->begin(request('/late')) } 1 .. 6;
my @asking = map { $asked->accept() // die "nobody is asked\n" } @gone;

$gone[$_]->disconnect() for 0 .. 2;
$gone[$_]->reset() for 3 .. 5;
$p->settle();
answer($_, '204 No Content') for @asking;
$p->settle();
$chosen->disconnect();
ok(wait_for(TIME, sub { $t->status()->{clusters}[0]{connections} == 1 }),
	'those who left are gone');

$open->close(1000);
is(($open->wait_close(TIME))[0], 1000, 'a stream ends in order');
ok(wait_for(TIME, sub { $t->read_testfile('stream.log')
	=~ m{^101 \d\d\d+ ann /stream\?mine$}m }),
	'its line in the access log, with the user');
like($t->read_testfile('stream.log'), qr{^401 \d+  /stream$}m,
	'the line of a refusal');

###############################################################################

sub open_as {
	my ($uri, $who) = @_;

	return KafkaWS::Client->open($t->port(0), $uri,
		headers => ['X-User' => $who]);
}

sub ping { return KafkaWS::WebSocket::frame(PING, @_) }

# says it to nginx, which asked, or not even that for a client that had left
sub answer {
	my ($socket, $line) = @_;
	my $request = '';

	# it may not wait any more
	local $SIG{PIPE} = 'IGNORE';

	sysread $socket, $request, 4096, length $request
		or return until $request =~ /\x0d\x0a\x0d\x0a/;
	syswrite $socket, "HTTP/1.1 $line\x0d\x0aConnection: close\x0d\x0a"
		. "Content-Length: 0\x0d\x0a\x0d\x0a";
	close $socket;
}

###############################################################################
