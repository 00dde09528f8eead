#!/usr/bin/perl

# Ways inside nginx to a stream: rewrite, if, try_files, index, error_page and
# X-Accel-Redirect.  Each leads to a whole stream or to a refusal, and to pages
# as before.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Probe qw(request upgraded refused by_nginx);

use constant TIME => 10;

# addresses of streams
my @streams = qw(/rewritten/break /rewritten/args /server-rewritten /if/set
	/tried /tried/uri /nested/in /twice /accel /accel/named
	/accel/limited /index/ /regex/xyz /alias);

# address, first line of the answer to an upgrade, its body if not nginx's
my @others = (
	['/if/page', '200 OK', 'a page'],
	['/moved', '302 Moved Temporarily'],
	['/moved/forever', '301 Moved Permanently'],
	['/returned', '200 OK', 'returned'],
	['/nested/out', '404 Not Found'],
	['/limited', '403 Forbidden'],
	['/loop', '500 Internal Server Error'],
	['/page.html', '200 OK', 'a file'],
);

# an error page is no stream, whatever led to it
my @pages = qw(/error/named /error/200 /error/proxied /error/intercepted
	/error/named/twice /accel/error);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('redirects'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(2 * @streams + 2 * @others
	+ @pages + 10);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        property  fetch.wait.max.ms 5;
    }

    log_format  stream  '\$status \$bytes_sent \$request_uri';

    server_tokens      off;
    keepalive_timeout  60s;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        rewrite  ^/server-rewritten\$ /stream;

        location /stream {
            access_log  %%TESTDIR%%/stream.log stream;
            kafka_ws    c;
        }

        location = /rewritten/last {
            rewrite  ^ /stream last;
        }

        location = /rewritten/break {
            rewrite   ^ /nowhere break;
            kafka_ws  c;
        }

        location = /rewritten/args {
            rewrite  ^ /stream?cursor=0:0? last;
        }

        location /if/ {
            kafka_ws  c;

            if (\$uri = /if/page) {
                return  200 "a page";
            }

            if (\$uri = /if/set) {
                set  \$unused 1;
            }
        }

        location /tried {
            try_files  /nothing /stream;
        }

        location /tried/named {
            try_files  /nothing \@stream;
        }

        location /tried/uri {
            try_files  \$uri /tried/named;
        }

        location \@stream {
            kafka_ws  c;
        }

        location /nested/ {
            location /nested/in {
                kafka_ws  c;
            }
        }

        location /twice {
            rewrite  ^ /rewritten/last last;
        }

        location /index/ {
            index  nothing.html /stream;
        }

        location ~ ^/regex/ {
            kafka_ws  c;
        }

        location /alias {
            alias     %%TESTDIR%%/page.html;
            kafka_ws  c;
        }

        location = /moved {
            kafka_ws  c;
            rewrite   ^ /stream redirect;
        }

        location = /moved/forever {
            rewrite  ^ /stream permanent;
        }

        location = /returned {
            kafka_ws  c;
            return    200 "returned";
        }

        location = /limited {
            kafka_ws  c;
            limit_except  POST {
                deny  all;
            }
        }

        location /loop {
            rewrite  ^ /loop last;
        }

        location /error/404 {
            error_page  404 /stream;
        }

        location /error/named {
            error_page  404 = \@stream;
        }

        location /error/named/twice {
            recursive_error_pages  on;
            error_page             404 \@stream;
        }

        # the same as try_files: nothing tells that there was an error
        location /untold {
            recursive_error_pages  on;
            error_page             404 = \@stream;
        }

        location /error/200 {
            error_page  404 =200 /stream;
        }

        location /error/proxied {
            proxy_pass  http://127.0.0.1:1;
            error_page  502 = /stream;
        }

        location /error/intercepted {
            proxy_pass              http://127.0.0.1:%%PORT_1%%;
            proxy_intercept_errors  on;
            error_page              404 = /stream;
        }

        location /accel {
            proxy_pass        http://127.0.0.1:%%PORT_1%%;
            proxy_set_header  X-To \$uri;
        }

        location = /page.html {
        }

        location = /after {
            return  200 "after";
        }
    }

    server {
        listen      127.0.0.1:%%PORT_1%%;
        access_log  off;

        location = /accel {
            add_header  X-Accel-Redirect /stream;
            return      200 "not this";
        }

        location = /accel/named {
            add_header  X-Accel-Redirect \@stream;
            return      200 "not this";
        }

        location = /accel/typed {
            add_header    X-Accel-Redirect /stream;
            add_header    Set-Cookie a=b;
            add_header    Last-Modified "Thu, 01 Jan 2026 00:00:00 GMT";
            add_header    Content-Disposition inline;
            add_header    Accept-Ranges bytes;
            default_type  "text/html; charset=utf-8";
            return        200 "not this";
        }

        location = /accel/limited {
            add_header  X-Accel-Redirect /stream;
            add_header  X-Accel-Limit-Rate 1;
            add_header  X-Accel-Buffering no;
            add_header  X-Accel-Expires 3600;
            return      200 "not this";
        }

        location = /accel/error {
            add_header  X-Accel-Redirect /error/404;
            return      200 "not this";
        }
    }
}

EOT

mkdir $t->testdir . '/index';
$t->write_file('page.html', 'a file')->run();

###############################################################################

KafkaWS::Client->open($t->port(0), '/stream')->disconnect();

my $p = KafkaWS::Probe->new($t);
my @open = map { KafkaWS::Client->open($t->port(0), $_,
	early => KafkaWS::WebSocket::frame(9, $_)) } @streams;

my %start = map { $_->{uri} => $_->wait_event('start', TIME) } @open;

is($p->ask(request($_)), upgraded(), "the answer at $_") for @streams;

is($start{'/rewritten/args'}{partitions}[0]{state}, 'resumed',
	'the arguments are those of the rewrite');
$b->produce($topic, 'for all');

for my $c (@open) {
	is(join(' ', map { $_->{value} } $c->records(1, TIME))
		. ', ' . $c->wait_pong(TIME), "for all, $c->{uri}",
		"a record and a pong at $c->{uri}");
}

for (@others) {
	my ($uri, $line, $body) = @$_;
	my $got = $p->ask(request($uri));

	like($got, qr/^HTTP\/1\.1 \Q$line\E\n/, "$line at $uri");
	like($got, defined $body ? qr/\nbody: \Q$body\E\nthen: kept/
		: qr/\nbody: <html>.*\nthen: (?:kept|closed)/s,
		"and what comes with it");
}

for my $uri (@pages) {
	# nginx says why it came to an error page
	my $got = $p->ask(request($uri)) =~ s/\n\[error\] [^\n]*//r;

	is($got, by_nginx(400, 'kafka ws refused with 400: neither a '
		. 'subrequest nor an error page can be a stream'),
		"no stream at $uri");
}

is((split /\n/, $p->ask(request('/untold')))[0],
	'HTTP/1.1 101 Switching Protocols', 'a page that hides its error');

# what X-Accel-Redirect passes on, but nothing that describes the page

is($p->ask(request('/accel/typed')), upgraded(headers =>
	['Content-Disposition: inline', 'Set-Cookie: a=b']),
	'a stream behind X-Accel-Redirect');
is($p->ask(request('/accel/typed', key => []))
	=~ s/^(?:Content-Disposition|Set-Cookie): .*\n//mgr, refused('key'),
	'a refusal behind X-Accel-Redirect');

# a stream led to from elsewhere has its line in the access log of its own
# location, under the address that was asked for

my $c = KafkaWS::Client->open($t->port(0), '/accel?the-last');

$c->wait_event('start', TIME);
$b->produce($topic, 'x' x 1000);
is($c->next_record(TIME)->{value}, 'x' x 1000, 'a record of some length');
$c->close(1000);
is(($c->wait_close(TIME))[0], 1000, 'closed in order');
ok(wait_for(TIME, sub { line() }), 'its line in the access log');

my ($status, $bytes) = split ' ', line();

is($status, 101, 'the status');
cmp_ok($bytes, '>', 1200, 'the bytes of all frames');
unlike($t->read_testfile('access.log'), qr/the-last/, 'no line elsewhere');

###############################################################################

sub line {
	return (grep { /the-last/ } split /\n/,
		$t->read_testfile('stream.log'))[0];
}

###############################################################################
